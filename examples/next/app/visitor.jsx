"use client";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { createContext, useContext, useEffect, useState } from "react";
import { Predictor } from "foreclick";
import { Prefetcher } from "foreclick/prefetch";
import { usePredictions, usePredictor } from "foreclick/react";
import { forget, openState } from "foreclick/state";

const Session = createContext(null);
const pageOf = (item) => `/p/${item}`;

async function load(signal) {
  const predictor = await Predictor.load("/model.safetensors", { signal });
  await openState(predictor); // what was told at earlier visits
  return predictor;
}

/** The session of all pages, and beside them what is likely next. */
export function Visitor({ children }) {
  const session = usePredictor(load);
  return (
    <Session value={session}>
      {children}
      <Likely session={session} />
    </Session>
  );
}

/** Tells that a product's page is visited. */
export function Visit({ item }) {
  const { observe } = useContext(Session);
  useEffect(() => observe({ item, time: Date.now(), group: new Date().toDateString() }), [observe, item]);
  return null;
}

function Likely({ session }) {
  const { items, error } = usePredictions(session, { k: 5 });
  usePrefetch(items);
  const erase = async () => {
    await forget();
    session.reset();
  };
  return (
    <aside>
      <Link href="/" prefetch={false}>
        Shop
      </Link>
      <h2>Next, perhaps</h2>
      {(session.error ?? error) && <p role="alert">{(session.error ?? error).message}</p>}
      <ol id="next">
        {items.map(({ item }) => (
          <li key={item}>
            <Link href={pageOf(item)} prefetch={false}>
              {item}
            </Link>
          </li>
        ))}
      </ol>
      <button id="forget" onClick={erase}>
        Forget me
      </button>
    </aside>
  );
}

/** The router loads the likely pages' data. */
function usePrefetch(items) {
  const router = useRouter();
  const [prefetcher, setPrefetcher] = useState(null);
  useEffect(() => {
    const prefetcher = new Prefetcher({ url: pageOf, load: (url) => router.prefetch(new URL(url).pathname) });
    setPrefetcher(prefetcher);
    return () => prefetcher.stop();
  }, [router]);
  useEffect(() => prefetcher?.update(items), [prefetcher, items]);
}
