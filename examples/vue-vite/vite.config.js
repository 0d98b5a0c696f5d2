import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [vue()],
  build: { target: "esnext" },
  // The development server would move the package away from its .wasm file.
  optimizeDeps: { exclude: ["foreclick"] },
});
