/** Models by the structure of their first bytes, where no magic number tells. */
import { ascii, isName, protoField, protoFields, type Look } from './look.ts';

/** 8 bytes of length, then JSON. Of one whose length is damaged, the words of the JSON are left. */
export function isSafetensors({ bytes }: Look): boolean {
  if (bytes.length < 9 || bytes[8] !== 0x7b) return false;
  const short = bytes[7] === 0 && bytes[6] === 0 && bytes[5] === 0 && bytes[4] === 0;
  return short || /"(dtype|data_offsets|__metadata__)"/.test(ascii(bytes, 8, 2048));
}

/** `ModelProto` of onnx.proto: its fields 1 and 5 are numbers, the others bytes; 2 to 4 and 6 are text. */
export function isOnnx({ bytes }: Look): boolean {
  const numbers = [1, 5];
  const texts = [2, 3, 4, 6];
  const others = [7, 8, 14, 20, 25, 26];
  const fields = protoFields(bytes);
  const fit = fields.every(({ field, wire, value, begin, end }) => {
    if (numbers.includes(field)) return wire === 0 && (field !== 1 || value < 100);
    if (wire !== 2) return false;
    // A text of any length may be the documentation; in its place TensorFlow and Core ML have messages.
    return texts.includes(field) ? isName(bytes, begin, Math.min(end, begin + 200)) : others.includes(field);
  });
  return fit && fields.length >= 2 && fields.some((f) => f.field === 7 || f.field === 8);
}

/** `SavedModel` of saved_model.proto: version 1, then MetaGraphDefs. */
export function isSavedModel({ bytes }: Look): boolean {
  const [version, graph] = protoFields(bytes, 2);
  return (
    version?.field === 1 && version.value === 1 && graph?.field === 2 && graph.wire === 2 && graph.value > 0
  );
}

/** `GraphDef` of graph.proto: nodes, each of a name and an operation. */
export function isGraphDef({ bytes }: Look): boolean {
  const node = protoField(bytes, 0);
  if (node?.field !== 1 || node.wire !== 2) return false;
  const name = protoField(bytes, node.begin);
  if (name?.field !== 1 || name.wire !== 2 || name.value === 0 || !isName(bytes, name.begin, name.end))
    return false;
  const op = protoField(bytes, name.end);
  return op?.field === 2 && op.wire === 2 && op.value > 0 && isName(bytes, op.begin, op.end);
}

/** `Model` of Core ML's Model.proto: version, description, then a kind of model from field 200 on. */
export function isCoreMl({ bytes }: Look): boolean {
  const [version, description, ...rest] = protoFields(bytes);
  return (
    version?.field === 1 &&
    version.wire === 0 &&
    description?.field === 2 &&
    description.wire === 2 &&
    rest.some((f) => f.field >= 200 && f.wire === 2)
  );
}
