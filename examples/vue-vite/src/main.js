import { createApp } from "vue";
import Shop from "./Shop.vue";

const catalogue = await (await fetch("/items.json")).json();
createApp(Shop, catalogue).mount("#app");
