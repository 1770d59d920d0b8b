import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes with Kafka's own producer. */
final class Writer {
  private static final Map<String, KafkaProducer<byte[], byte[]>> PRODUCERS = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    Json.serve(step -> take(arguments[0], step));
    System.exit(0);
  }

  private static Object take(String brokers, JsonNode step) throws Exception {
    var name = Json.text(step, "producer");
    var producer = PRODUCERS.get(name);
    switch (Json.text(step, "do")) {
      case "open" -> PRODUCERS.put(name, open(brokers, step));
      case "begin" -> producer.beginTransaction();
      case "commit" -> producer.commitTransaction();
      case "abort" -> producer.abortTransaction();
      case "send" -> {
        return Map.of("offsets", send(producer, step));
      }
      case "close" -> PRODUCERS.remove(name).close(Duration.ZERO);
      default -> throw new IllegalArgumentException("unknown step " + step);
    }
    return Map.of();
  }

  private static KafkaProducer<byte[], byte[]> open(String brokers, JsonNode step) {
    var codec = Json.text(step, "codec");
    var settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("compression.type", codec);
    if (step.has("level")) settings.put("compression." + codec + ".level", step.get("level").asText());
    settings.put("enable.idempotence", !Json.text(step, "kind").equals("plain"));
    if (step.has("transactionalId")) {
      settings.put("transactional.id", Json.text(step, "transactionalId"));
      settings.put("transaction.timeout.ms", (int) Json.number(step, "transactionTimeoutMs", 600_000));
    }
    // What is sent in one step is one batch.
    settings.put("linger.ms", 60_000);
    settings.put("batch.size", 2 << 20);
    settings.put("max.request.size", 16 << 20);
    settings.put("max.block.ms", 30_000);
    settings.put("delivery.timeout.ms", 120_000);
    var bytes = new ByteArraySerializer();
    var producer = new KafkaProducer<>(settings, bytes, bytes);
    if (step.has("transactionalId")) producer.initTransactions();
    return producer;
  }

  private static List<Long> send(KafkaProducer<byte[], byte[]> producer, JsonNode step)
      throws Exception {
    var sent = new ArrayList<Future<RecordMetadata>>();
    for (var record : step.get("records")) {
      for (long times = Json.number(record, "times", 1); times > 0; times--) {
        var timestamp = record.has("timestamp") ? record.get("timestamp").asLong() : null;
        var sending = new ProducerRecord<>(
            Json.text(step, "topic"), step.path("partition").asInt(0), timestamp, Json.bytes(record.get("key")),
            Json.bytes(record.get("value")), List.of(Json.headers(record)));
        sent.add(producer.send(sending));
      }
    }
    producer.flush();
    var offsets = new ArrayList<Long>();
    for (var one : sent) offsets.add(one.get().offset());
    return offsets;
  }
}
