// A frame in bytes: GFP1, the length of a header, the header in JSON, and arrays, each padded to 8 bytes.

const KINDS = { f4: Float32Array, u4: Uint32Array, i4: Int32Array, u1: Uint8Array };
const MAGIC = "GFP1";

/** {header, arrays: {name: typed array}, shapes: {name: [...]}} of the bytes of a frame. */
export function readFrame(buffer) {
  const bytes = new Uint8Array(buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== MAGIC) throw new Error("not a frame");
  const length = new DataView(buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const [arrays, shapes] = [{}, {}];
  let at = 8 + length;
  for (const { name, type, shape } of header.blobs) {
    const count = shape.reduce((product, side) => product * side, 1);
    arrays[name] = new KINDS[type](buffer, at, count);
    shapes[name] = shape;
    at += 8 * Math.ceil((count * KINDS[type].BYTES_PER_ELEMENT) / 8);
  }
  return { header, arrays, shapes };
}
