import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: { target: "esnext" },
  // The development server would move the package away from its .wasm file.
  optimizeDeps: { exclude: ["foreclick"] },
});
