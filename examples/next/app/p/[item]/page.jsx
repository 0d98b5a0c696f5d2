import { readCatalogue } from "../../catalogue.js";
import { Visit } from "../../visitor.jsx";

export default async function Product({ params }) {
  const { item } = await params;
  const { nameOf } = await readCatalogue();
  return (
    <main>
      <h1 id="product">{nameOf(item)}</h1>
      <Visit item={item} />
    </main>
  );
}
