const BYTES_A_LINE = 16;
/** More bytes are of no use on a screen. */
const MAX_BYTES = 1_024;

/** The first 1,024 bytes, as `hexdump -C` shows them. `rest` says how to get the others. */
export function hexDump(bytes: Buffer, rest = '--json has them'): string {
  const lines: string[] = [];
  for (let start = 0; start < Math.min(bytes.length, MAX_BYTES); start += BYTES_A_LINE) {
    const line = bytes.subarray(start, Math.min(start + BYTES_A_LINE, MAX_BYTES));
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...line].map((byte) => (isPrintable(byte) ? String.fromCharCode(byte) : '.'));
    const place = start.toString(16).padStart(8, '0');
    lines.push(`${place}  ${hex.padEnd(3 * BYTES_A_LINE - 1)}  |${text.join('')}|`);
  }
  if (bytes.length > MAX_BYTES) lines.push(`… ${bytes.length} bytes in all; ${rest}`);
  return lines.join('\n');
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}
