// The page of both projects: what the package's README tells a user to write.
import { Predictor } from "foreclick";
import { ModelCache } from "foreclick/cache";
import { Predictor as ThreadedPredictor } from "foreclick/worker";

const item = new URLSearchParams(location.search).get("item");
const predictor = await Predictor.load("/model.safetensors");
predictor.observe({ item });
const prediction = await predictor.predict({ k: 10 });

const threaded = await ThreadedPredictor.load("/model.safetensors");
threaded.observe({ item });
const predictions = [prediction, await threaded.predict({ k: 10 })];
await new ModelCache().clear();
globalThis.predictions = predictions;
