// A WebAssembly file section by section, for the tools that rewrite some of them.

const HEADER = 8; // the magic number and the version

/** The file with each section's body replaced by what `rewrite` makes of its number and a reader of it. */
export function rewriteSections(bytes, rewrite) {
  const reader = new Reader(bytes, HEADER);
  const parts = [bytes.subarray(0, HEADER)];
  while (reader.at < bytes.length) {
    const id = bytes[reader.at++];
    const end = reader.number() + reader.at;
    const body = rewrite(id, new Reader(bytes.subarray(0, end), reader.at)) ?? bytes.subarray(reader.at, end);
    parts.push(Buffer.from([id, ...encoded(body.length)]), body);
    reader.at = end;
  }
  return Buffer.concat(parts);
}

/** Reads what lies at `at`, and moves on. */
export class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  /** A number as WebAssembly writes it: seven bits a byte, the lowest first. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  text() {
    return this.part().toString("utf8");
  }

  /** Bytes with their length in front. */
  part() {
    const length = this.number();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

export function encoded(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...encoded(value >>> 7)];
}
