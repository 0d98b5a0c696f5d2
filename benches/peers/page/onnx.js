// The constants of an ONNX file, for a runtime that does not read ONNX. Fields are numbered as in onnx.proto.
const MODEL = { graph: 7 };
const GRAPH = { initializer: 5 };
const TENSOR = { dims: 1, type: 2, name: 8, data: 9 };
const FLOAT = 1;

/** Name to `{ shape, values }` of all float tensors; `values` are views where their bytes are aligned. */
export function readFloats(buffer) {
  const tensors = {};
  for (const [field, graph] of fields(new Uint8Array(buffer))) {
    if (field !== MODEL.graph) continue;
    for (const [field, bytes] of fields(graph)) {
      if (field !== GRAPH.initializer) continue;
      const { name, type, shape, values } = tensor(bytes);
      if (type === FLOAT) tensors[name] = { shape, values };
    }
  }
  return tensors;
}

function tensor(bytes) {
  const found = { shape: [] };
  for (const [field, value] of fields(bytes)) {
    if (field === TENSOR.dims) found.shape.push(value);
    if (field === TENSOR.type) found.type = value;
    if (field === TENSOR.name) found.name = new TextDecoder().decode(value);
    if (field === TENSOR.data) found.data = value;
  }
  const { buffer, byteOffset, byteLength } = found.data;
  const aligned = byteOffset % 4 === 0;
  const values = aligned
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return { ...found, values };
}

/** A message's fields: numbers, and bytes for all that has a length. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const value = varint();
    if (key % 8 === 0) {
      yield [key >> 3, value];
    } else {
      yield [key >> 3, bytes.subarray(at, at + value)];
      at += value;
    }
  }
}
