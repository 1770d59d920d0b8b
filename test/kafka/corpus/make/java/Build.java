import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.Map;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/** Writes a batch with Kafka's own classes, also in shapes that no broker of today writes. */
final class Build {
  static Object batch(JsonNode step) {
    var buffer = step.path("empty").asBoolean() ? empty(step) : built(step);
    var bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return Map.of("bytes", Json.base64(bytes));
  }

  private static ByteBuffer built(JsonNode step) {
    var control = Json.text(step, "control");
    var timestampType = timestampType(step);
    var out = new ByteBufferOutputStream(1 << 16);
    var builder = new MemoryRecordsBuilder(
        out, (byte) Json.number(step, "magic", 2), Compression.of(Json.text(step, "codec")).build(),
        timestampType, Json.number(step, "baseOffset", 0), Json.number(step, "appendTime", -1),
        Json.number(step, "producerId", RecordBatch.NO_PRODUCER_ID),
        (short) Json.number(step, "epoch", RecordBatch.NO_PRODUCER_EPOCH),
        (int) Json.number(step, "sequence", RecordBatch.NO_SEQUENCE),
        step.path("transactional").asBoolean(), control != null, 0, Integer.MAX_VALUE,
        Json.number(step, "deleteHorizon", RecordBatch.NO_TIMESTAMP));
    if (control != null) appendControl(builder, control, step.get("timestamp").asLong());
    for (var record : step.path("records")) {
      for (long times = Json.number(record, "times", 1); times > 0; times--) {
        long next = builder.numRecords() + Json.number(step, "baseOffset", 0);
        builder.appendWithOffset(
            Json.number(record, "offset", next), Json.number(record, "timestamp", -1),
            Json.bytes(record.get("key")), Json.bytes(record.get("value")), Json.headers(record));
      }
    }
    if (step.has("lastOffset")) builder.overrideLastOffset(step.get("lastOffset").asLong());
    return builder.build().buffer();
  }

  private static void appendControl(MemoryRecordsBuilder builder, String type, long timestamp) {
    switch (ControlRecordType.valueOf(type)) {
      case COMMIT, ABORT ->
          builder.appendEndTxnMarker(
              timestamp, new EndTransactionMarker(ControlRecordType.valueOf(type), 3));
      case LEADER_CHANGE ->
          builder.appendLeaderChangeMessage(timestamp, new LeaderChangeMessage().setLeaderId(1));
      case SNAPSHOT_HEADER ->
          builder.appendSnapshotHeaderMessage(timestamp, new SnapshotHeaderRecord());
      case SNAPSHOT_FOOTER ->
          builder.appendSnapshotFooterMessage(timestamp, new SnapshotFooterRecord());
      case KRAFT_VERSION ->
          builder.appendKRaftVersionMessage(timestamp, new KRaftVersionRecord());
      case KRAFT_VOTERS -> builder.appendVotersMessage(timestamp, new VotersRecord());
      default -> throw new IllegalArgumentException(type);
    }
  }

  /** A batch that compaction has emptied. */
  private static ByteBuffer empty(JsonNode step) {
    long baseOffset = Json.number(step, "baseOffset", 0);
    var buffer = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
    DefaultRecordBatch.writeEmptyHeader(
        buffer, RecordBatch.MAGIC_VALUE_V2, Json.number(step, "producerId", -1),
        (short) Json.number(step, "epoch", -1), (int) Json.number(step, "sequence", -1),
        baseOffset, Json.number(step, "lastOffset", baseOffset), 0, timestampType(step),
        Json.number(step, "timestamp", -1), step.path("transactional").asBoolean(),
        step.has("control"));
    buffer.flip();
    return buffer;
  }

  private static TimestampType timestampType(JsonNode step) {
    if (Json.number(step, "magic", 2) == 0) return TimestampType.NO_TIMESTAMP_TYPE;
    return step.has("appendTime") ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
  }
}
