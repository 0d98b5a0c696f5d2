// The best scores and the logarithm of the sum of their exponentials: see the CPU's top_k.
//
// Each workgroup ranks a tile of the scores, then one merges what the tiles found. Scores are read again, never
// removed: the next best is the best of those that come after the last.

struct Pair {
    item: u32,
    score: f32,
}

const NOBODY = Pair(0xffffffffu, EXCLUDED);
const LANES: u32 = 16u;
const LANE: u32 = WORKGROUP / LANES;

@group(0) @binding(0) var<uniform> call: Call;
// The best of each tile: [TILES, k]
@group(0) @binding(1) var<storage, read_write> pairs: array<Pair>;
// The logarithm of each tile's sum: [TILES]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
// Only rank_tile has this one,
@group(0) @binding(3) var<storage, read> scores: array<f32>;
// and only merge_tiles this one: the logarithm of the whole sum in place 0, then the best, [1 + k].
@group(0) @binding(3) var<storage, read_write> result: array<Pair>;

var<workgroup> own_pairs: array<Pair, WORKGROUP>;
var<workgroup> lane_pairs: array<Pair, LANES>;
var<workgroup> own_sums: array<f32, WORKGROUP>;
var<workgroup> lane_sums: array<f32, LANES>;

@compute @workgroup_size(WORKGROUP)
fn rank_tile(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.x;
    var own = best_score(tile, local, first());
    var largest = EXCLUDED;
    for (var place = 0u; place < call.k; place++) {
        let winner = best_of_all(own, local);
        if place == 0u {
            largest = winner.score;
        }
        if local == 0u {
            pairs[tile * call.k + place] = winner;
        }
        if own.item == winner.item {
            own = best_score(tile, local, winner);
        }
    }
    var sum = 0.0;
    for (var item = tile * TILE + local; item < min((tile + 1u) * TILE, ITEMS); item += WORKGROUP) {
        if scores[item] > EXCLUDED {
            sum += exp(scores[item] - largest);
        }
    }
    let total = sum_of_all(sum, local);
    if local == 0u {
        sums[tile] = select(EXCLUDED, largest + log(total), total > 0.0);
    }
}

@compute @workgroup_size(WORKGROUP)
fn merge_tiles(@builtin(local_invocation_index) local: u32) {
    var own = best_pair(local, first());
    var largest = EXCLUDED;
    for (var place = 0u; place < call.k; place++) {
        let winner = best_of_all(own, local);
        if place == 0u {
            largest = winner.score;
        }
        if local == 0u {
            result[1u + place] = winner;
        }
        if own.item == winner.item {
            own = best_pair(local, winner);
        }
    }
    var sum = 0.0;
    for (var tile = local; tile < TILES; tile += WORKGROUP) {
        sum += exp(sums[tile] - largest);
    }
    let total = sum_of_all(sum, local);
    if local == 0u {
        result[0] = Pair(0u, largest + log(total));
    }
}

// What every pair comes after.
fn first() -> Pair {
    return Pair(0u, -EXCLUDED);
}

// Higher scores come first, equal ones by item.
fn precedes(a: Pair, b: Pair) -> bool {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
}

// The best of this thread's scores that comes after `last`.
fn best_score(tile: u32, local: u32, last: Pair) -> Pair {
    var best = NOBODY;
    for (var item = tile * TILE + local; item < min((tile + 1u) * TILE, ITEMS); item += WORKGROUP) {
        let pair = Pair(item, scores[item]);
        if pair.score > EXCLUDED && precedes(last, pair) && precedes(pair, best) {
            best = pair;
        }
    }
    return best;
}

// The best of this thread's share of the tiles' pairs that comes after `last`.
fn best_pair(local: u32, last: Pair) -> Pair {
    var best = NOBODY;
    for (var place = local; place < TILES * call.k; place += WORKGROUP) {
        let pair = pairs[place];
        if precedes(last, pair) && precedes(pair, best) {
            best = pair;
        }
    }
    return best;
}

// The best of all threads' pairs. Two steps of 16 need two barriers; a tree would need eight.
fn best_of_all(own: Pair, local: u32) -> Pair {
    own_pairs[local] = own;
    workgroupBarrier();
    if local < LANES {
        var best = own_pairs[local * LANE];
        for (var i = 1u; i < LANE; i++) {
            if precedes(own_pairs[local * LANE + i], best) {
                best = own_pairs[local * LANE + i];
            }
        }
        lane_pairs[local] = best;
    }
    workgroupBarrier();
    var best = lane_pairs[0];
    for (var lane = 1u; lane < LANES; lane++) {
        if precedes(lane_pairs[lane], best) {
            best = lane_pairs[lane];
        }
    }
    return best;
}

fn sum_of_all(own: f32, local: u32) -> f32 {
    own_sums[local] = own;
    workgroupBarrier();
    if local < LANES {
        var sum = 0.0;
        for (var i = 0u; i < LANE; i++) {
            sum += own_sums[local * LANE + i];
        }
        lane_sums[local] = sum;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        sum += lane_sums[lane];
    }
    return sum;
}
