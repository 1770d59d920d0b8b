import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../torture/server';
import type { BrokerCase } from './broker-cases';

/** Waits until the broker's log cleaner has cleaned all segments of each log, except the active one. */
export async function untilCompacted(directory: string, cases: BrokerCase[]): Promise<void> {
  const data = join(directory, 'kafka', 'data');
  for (const { script } of cases) {
    await until(`${script.topic} is compacted`, () => {
      const segments = readdirSync(join(data, `${script.topic}-0`)).filter((file) =>
        file.endsWith('.log'),
      );
      const active = Math.max(...segments.map((file) => Number(file.replace('.log', ''))));
      return cleanedUpTo(data, script.topic) >= active;
    });
  }
}

/** Reads the cleaned offset of a topic from the cleaner's checkpoint. Its lines are `<topic> <partition> <offset>`. */
function cleanedUpTo(data: string, topic: string): number {
  try {
    const checkpoint = readFileSync(join(data, 'cleaner-offset-checkpoint'), 'utf8');
    return Number(new RegExp(`^${topic} 0 (\\d+)$`, 'm').exec(checkpoint)?.[1] ?? -1);
  } catch {
    return -1;
  }
}
