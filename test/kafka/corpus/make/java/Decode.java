package org.apache.kafka.clients.consumer.internals;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.LogContext;

/** The step of Kafka's own consumer that turns a fetched record set into records; hence the package. */
public final class Decode {
  private static final Metrics METRICS = new Metrics();
  private static final TopicPartition PARTITION = new TopicPartition("corpus", 0);

  private final FetchResponseData.PartitionData data = new FetchResponseData.PartitionData();
  private final IsolationLevel isolation;
  private final long offset;
  private CompletedFetch fetch;

  public Decode(byte[] bytes, long offset, boolean committed) {
    this.offset = offset;
    isolation = committed ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
    data.setRecords(MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)));
    data.setAbortedTransactions(new ArrayList<>());
  }

  public void aborted(long producerId, long firstOffset) {
    data.abortedTransactions().add(
        new FetchResponseData.AbortedTransaction()
            .setProducerId(producerId)
            .setFirstOffset(firstOffset));
  }

  /** Adds the records that come before what is refused, too. */
  public void addTo(List<ConsumerRecord<byte[], byte[]>> all) {
    var log = new LogContext();
    var manager = new FetchMetricsManager(METRICS, new FetchMetricsRegistry());
    fetch = new CompletedFetch(
        log.logger(Decode.class), new SubscriptionState(log, AutoOffsetResetStrategy.NONE),
        BufferSupplier.NO_CACHING, PARTITION, data,
        new FetchMetricsAggregator(manager, Set.of(PARTITION)), offset);
    var config = new FetchConfig(1, 1, 1, 1, Integer.MAX_VALUE, true, "", isolation);
    var bytes = new ByteArrayDeserializer();
    for (List<ConsumerRecord<byte[], byte[]>> some;
        !(some = fetch.fetchRecords(config, new Deserializers<>(bytes, bytes, METRICS), 1)).isEmpty(); ) {
      all.addAll(some);
    }
  }

  public long position() {
    return fetch.nextFetchOffset();
  }

  public static String reason(Exception refused) {
    return refused.getCause() == null ? refused.toString() : refused + ": " + refused.getCause();
  }
}
