// The data sets: their protocols, and what others published under them. Rows that nobody trained are plain counting, as
// their source says; the counting rows of our own run come from its result.
export const SETS = {
  beauty: {
    title: "Amazon Beauty (S3-Rec's file): the last item of each user, ranked among all that the user has not reviewed",
    config: "examples/beauty.toml",
    needs: "amazon-beauty/Beauty.txt",
    metrics: ["ndcg@10", "hr@10"],
    wanted: [0.0545, 0.094],
    published: [
      ["SASRec (S3-Rec, CIKM 2020)", 0.0318, 0.0605],
      ["S3-Rec (CIKM 2020)", 0.0327, 0.0647],
      ["HSTU (transformer_benchmark)", 0.0439, 0.0788],
      ["FuXi-α (transformer_benchmark)", 0.0451, 0.0809],
      ["eSASRec (transformer_benchmark)", 0.0523, 0.0928],
      ["SASRec, sampled softmax (transformer_benchmark)", 0.0531, 0.0921],
    ],
  },
  diginetica: {
    title: "Diginetica (SR-GNN's files): each next click of a session, ranked among all items, seen ones too",
    config: "benches/accuracy/diginetica.toml",
    needs: "diginetica-sessions",
    metrics: ["hr@20", "mrr@20"],
    wanted: [0.535, 0.186],
    // Of the paper's table under this preprocessing only this number could be read; later papers copy figures of another.
    published: [["SR-GNN (AAAI 2019)", null, 0.1759]],
  },
  sample: {
    title: "Complete Journey sample: each next product of a basket from 2017-12-01 on, ranked among all not in it",
    config: "www/demo.toml",
    metrics: ["ndcg@10", "hr@10"],
    wanted: [0.096, 0.167],
    published: [],
  },
};
