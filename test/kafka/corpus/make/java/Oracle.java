import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.internals.Decode;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Says what Kafka's own consumer makes of a partition, and of the bytes of a fetch. */
final class Oracle {
  public static void main(String[] arguments) throws Exception {
    Json.serve(step -> switch (Json.text(step, "do")) {
      case "consume" -> consume(step);
      case "decode" -> decode(step);
      case "build" -> Build.batch(step);
      case "beginning" -> beginning(step);
      case "deleteRecords" -> deleteRecords(step);
      default -> throw new IllegalArgumentException("unknown step " + step);
    });
    System.exit(0);
  }

  /** Reads from an offset until the position is the given one. */
  private static Object consume(JsonNode step) {
    var settings = new Properties();
    settings.put("bootstrap.servers", Json.text(step, "brokers"));
    settings.put("isolation.level", Json.text(step, "isolation"));
    settings.put("enable.auto.commit", false);
    settings.put("auto.offset.reset", "none");
    settings.put("max.poll.records", 1_000_000);
    settings.put("fetch.max.wait.ms", 100);
    var bytes = new ByteArrayDeserializer();
    var partition = new TopicPartition(Json.text(step, "topic"), 0);
    long until = step.get("until").asLong();
    var records = new ArrayList<Map<String, Object>>();
    try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, step.get("offset").asLong());
      long deadline = System.currentTimeMillis() + 20_000;
      while (consumer.position(partition) < until && System.currentTimeMillis() < deadline) {
        for (var record : consumer.poll(Duration.ofMillis(100))) records.add(describe(record));
      }
      return Map.of("records", records, "position", "" + consumer.position(partition));
    }
  }

  private static Object decode(JsonNode step) {
    var records = new ArrayList<Map<String, Object>>();
    var result = new HashMap<String, Object>();
    var fetch = new Decode(
        Json.bytes(step.get("bytes")), step.get("offset").asLong(),
        Json.text(step, "isolation").equals("read_committed"));
    for (var one : step.path("aborted")) {
      fetch.aborted(one.get("producerId").asLong(), one.get("firstOffset").asLong());
    }
    var read = new ArrayList<ConsumerRecord<byte[], byte[]>>();
    try {
      fetch.addTo(read);
    } catch (Exception refused) {
      result.put("refused", Decode.reason(refused));
    }
    for (var record : read) records.add(describe(record));
    result.put("records", records);
    result.put("position", "" + fetch.position());
    return result;
  }

  private static Object beginning(JsonNode step) throws Exception {
    var partition = new TopicPartition(Json.text(step, "topic"), 0);
    try (var admin = Admin.create(Map.of("bootstrap.servers", Json.text(step, "brokers")))) {
      var earliest = admin.listOffsets(Map.of(partition, OffsetSpec.earliest()));
      return Map.of("offset", "" + earliest.partitionResult(partition).get().offset());
    }
  }

  private static Object deleteRecords(JsonNode step) throws Exception {
    var partition = new TopicPartition(Json.text(step, "topic"), 0);
    var before = RecordsToDelete.beforeOffset(step.get("offset").asLong());
    try (var admin = Admin.create(Map.of("bootstrap.servers", Json.text(step, "brokers")))) {
      admin.deleteRecords(Map.of(partition, before)).all().get();
    }
    return Map.of();
  }

  private static Map<String, Object> describe(ConsumerRecord<byte[], byte[]> record) {
    var described = new HashMap<String, Object>();
    var headers = new ArrayList<String[]>();
    for (var header : record.headers()) {
      headers.add(new String[] {header.key(), Json.base64(header.value())});
    }
    described.put("offset", "" + record.offset());
    described.put("timestamp", "" + record.timestamp());
    described.put("timestampType", record.timestampType().toString());
    described.put("key", Json.base64(record.key()));
    described.put("value", Json.base64(record.value()));
    described.put("headers", headers);
    return described;
  }
}
