import { Predictor } from "foreclick";
import { useExplanation, usePredictions, usePredictor } from "foreclick/react";
import { forget, openState } from "foreclick/state";

async function load(signal) {
  const predictor = await Predictor.load("/model.safetensors", { signal });
  await openState(predictor); // what was told at earlier visits
  return predictor;
}

export function Shop({ items, popular }) {
  const session = usePredictor(load);
  const { items: likely, error } = usePredictions(session, { k: 5 });
  const { explanation } = useExplanation(session, likely[0]?.item);
  const nameOf = (item) => items[item]?.filter(Boolean).join(", ") || item;
  const take = (item) => session.observe({ item, time: Date.now(), group: new Date().toDateString() });
  const erase = async () => {
    await forget();
    session.reset();
  };
  const strongest = explanation?.events.toSorted((a, b) => b.effect - a.effect)[0];
  const products = (keys) =>
    keys.map((item) => (
      <li key={item}>
        <button onClick={() => take(item)}>{nameOf(item)}</button>
      </li>
    ));
  return (
    <main>
      <h1>Shop</h1>
      <ul id="popular">{products(popular.slice(0, 12))}</ul>
      <h2>Next, perhaps</h2>
      {(session.error ?? error) && <p role="alert">{(session.error ?? error).message}</p>}
      <ol id="next">{products(likely.map(({ item }) => item))}</ol>
      <p id="why">{strongest && `First because of ${nameOf(strongest.item)}`}</p>
      <button id="forget" onClick={erase}>
        Forget me
      </button>
    </main>
  );
}
