import { sendWithJava } from '../support/java-tools';
import { World, messageValue, until } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'batches that a Java producer compressed with %s are delivered',
  async (codec) => {
    const { stream, sink } = await world.stream({ partitions: 1 });
    // More than snappy's blocks of 32 KiB and LZ4's of 64 KiB. Half of it can not be compressed.
    const noise = (i: number) =>
      Array.from({ length: 200 }, (_, j) => ((i * 7919 + j * 104_729) % 999_983).toString(36));
    const values = Array.from({ length: 60 }, (_, i) =>
      messageValue(`${codec}-${i}`, { noise: noise(i).join(''), same: 'x'.repeat(1_000) }),
    );
    await sendWithJava(
      stream.topic,
      codec,
      values.map((value) => value.toString()),
    );
    const bridge = await world.bridge(stream);
    await until('all delivered', () => sink.objects.size === values.length);
    values.forEach((value, i) => expect(sink.objects.get(`${codec}-${i}`)).toEqual(value));
    expect(bridge.faults()).toEqual({});
  },
);
