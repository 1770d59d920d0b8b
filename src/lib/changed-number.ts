const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MOST_SHOWN = 40;

/** The first number of a JSON text that JavaScript reads as another one; undefined if there is none. */
export function changedNumber(json: string): string | undefined {
  for (const [token] of json.matchAll(TOKEN)) {
    if (token.startsWith('"') || decimal(token) === decimal(String(Number(token)))) continue;
    return token.length > MOST_SHOWN ? `${token.slice(0, MOST_SHOWN)}…` : token;
  }
  return undefined;
}

/** A number in one way of writing only: its digits without zeros at either end, and where the point stands. */
function decimal(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return text;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return '0';
  const short = digits.replace(/0+$/, '');
  const point = Number(exponent) - fraction.length + digits.length;
  return `${sign}0.${short}e${point}`;
}
