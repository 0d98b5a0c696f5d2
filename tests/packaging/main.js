// The page of both projects: what the package's README tells a user to write.
import { Predictor } from "foreclick";

const item = new URLSearchParams(location.search).get("item");
const predictor = await Predictor.load("/model.safetensors");
predictor.observe({ item });
globalThis.prediction = await predictor.predict({ k: 10 });
