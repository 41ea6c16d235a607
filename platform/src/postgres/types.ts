import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;

/** How PostgreSQL's types look in TypeScript: int8 is a bigint, int8[] is an array of bigint or null. */
export const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: string) {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary');
    if (oid === INT8) return (text: string) => BigInt(text);
    if (oid === INT8_ARRAY) return parseInt8Array;
    return pg.types.getTypeParser(oid, 'text');
  },
};

function parseInt8Array(text: string): (bigint | null)[] {
  if (text === '{}') return [];
  return text
    .slice(1, -1)
    .split(',')
    .map((item) => (item === 'NULL' ? null : BigInt(item)));
}
