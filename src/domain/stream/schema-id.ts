import type { z } from 'zod';

/** The parts of a zod schema that this module reads. Every version of zod 4 has them. */
interface Definition {
  type: string;
  shape?: Record<string, z.core.$ZodType>;
  catchall?: z.core.$ZodType;
  innerType?: z.core.$ZodType;
  out?: z.core.$ZodType;
  options?: z.core.$ZodType[];
  left?: z.core.$ZodType;
  right?: z.core.$ZodType;
}

/** Schemas whose output is never a string or a number. */
const NO_IDS = ['object', 'record', 'array', 'tuple', 'map', 'set', 'date', 'boolean', 'bigint'];
const EMPTY = ['null', 'undefined', 'void', 'never', 'symbol', 'nan', 'function', 'file'];
/** Schemas whose output is the output of the schema inside them. */
const WRAPPERS = ['readonly', 'default', 'prefault', 'catch', 'nonoptional'];

/** Returns why messages of the schema have no usable id, or undefined if they may have one. */
export function idFault(schema: unknown): string | undefined {
  const def = definitionOf(schema);
  if (!def) return undefined;
  if (WRAPPERS.includes(def.type)) return idFault(def.innerType);
  // Nobody knows the output of a transform.
  if (def.type === 'pipe') return idFault(def.out);
  if (def.type === 'union') return faultOfAll(def.options ?? []);
  if (def.type === 'intersection') return idFault(def.left) && idFault(def.right);
  if (def.type === 'object') return objectFault(def);
  const isMessage = ['record', 'any', 'unknown', 'custom', 'lazy', 'transform', 'promise'];
  return isMessage.includes(def.type) ? undefined : `a message is a ${def.type}, without an id`;
}

/**
 * A union has an id if one of its options has an id. Messages of the other options are dead-lettered one by
 * one.
 */
function faultOfAll(schemas: unknown[]): string | undefined {
  const faults = schemas.map(idFault);
  return faults.every((fault) => fault !== undefined) ? faults[0] : undefined;
}

function objectFault({ shape = {}, catchall }: Definition): string | undefined {
  if (!Object.hasOwn(shape, 'id')) {
    const takesMore = catchall && definitionOf(catchall)?.type !== 'never';
    return takesMore ? undefined : 'the schema has no field id';
  }
  const def = definitionOf(shape.id);
  const inner = def && WRAPPERS.includes(def.type) ? definitionOf(def.innerType) : def;
  if (!inner || ![...NO_IDS, ...EMPTY].includes(inner.type)) return undefined;
  return `the schema's field id is a ${inner.type}, not a string or number`;
}

function definitionOf(schema: unknown): Definition | undefined {
  return (schema as { _zod?: { def?: Definition } } | undefined)?._zod?.def;
}
