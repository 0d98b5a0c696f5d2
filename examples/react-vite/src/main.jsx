import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Shop } from "./Shop.jsx";

const catalogue = await (await fetch("/items.json")).json();
createRoot(document.getElementById("app")).render(
  <StrictMode>
    <Shop {...catalogue} />
  </StrictMode>,
);
