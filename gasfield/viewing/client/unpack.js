// Numbers as gasfield.viewing.packing packs them: deflated planes of bytes, perhaps of differences.

/** The bytes of a text in base64. */
export function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Inflates zlib data with what the browser has. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Joins planes of bytes to words of 1, 2 or 4 bytes, lowest plane first. */
export function joinPlanes(bytes, size) {
  if (size === 1) return bytes;
  const count = bytes.length / size;
  if (size === 2) {
    const words = new Uint16Array(count);
    for (let i = 0; i < count; i++) words[i] = bytes[i] | (bytes[count + i] << 8);
    return words;
  }
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    words[i] = bytes[i] | (bytes[count + i] << 8) | (bytes[2 * count + i] << 16) | (bytes[3 * count + i] << 24);
  }
  return words;
}

/** Undoes differences along the first axis, in place: the first `width` words are values, all others zigzag steps. */
export function undoDifferences(words, width) {
  for (let i = width; i < words.length; i++) words[i] = words[i - width] + ((words[i] >>> 1) ^ -(words[i] & 1));
  return words;
}

/** Joins planes of bytes to float64, lowest plane first. */
export function joinDoubles(bytes) {
  const count = bytes.length / 8;
  const joined = new DataView(new ArrayBuffer(bytes.length));
  for (let i = 0; i < count; i++) for (let plane = 0; plane < 8; plane++) joined.setUint8(8 * i + plane, bytes[plane * count + i]);
  return Float64Array.from({ length: count }, (_, i) => joined.getFloat64(8 * i, true));
}
