import { hostname, userInfo } from 'node:os';

/** Who runs the command, as `user@host`. */
export function operator(): string {
  let name;
  try {
    name = userInfo().username;
  } catch {
    // In a container the user may have no name.
    name = String(process.getuid?.());
  }
  return `${name}@${hostname()}`;
}
