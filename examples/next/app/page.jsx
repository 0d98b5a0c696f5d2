import Link from "next/link";
import { readCatalogue } from "./catalogue.js";

// Next.js would load all links in view; here only the likely ones are loaded, by the Prefetcher.
export default async function Home() {
  const { popular, nameOf } = await readCatalogue();
  return (
    <main>
      <h1>Shop</h1>
      <ul id="popular">
        {popular.slice(0, 12).map((item) => (
          <li key={item}>
            <Link href={`/p/${item}`} prefetch={false}>
              {nameOf(item)}
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}
