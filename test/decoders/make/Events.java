import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.kafka.CloudEventSerializer;
import io.debezium.transforms.outbox.EventRouter;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.OffsetDateTime;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.converters.ByteArrayConverter;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.storage.StringConverter;

/**
 * Writes CloudEvents as the Java SDK does, and outbox events as Debezium's Outbox Event Router and Connect's converters do:
 * one line of JSON a record, key, headers and value as Base64.
 */
public class Events {
  static final byte[] ORDER = "{\"total\":1.50}".getBytes();
  static final byte[] BYTES = {0, (byte) 255};
  static final String ROW_ID = "406c07f3-26f0-4eea-a50c-109940064b8f";

  static String base64(byte[] data) {
    return data == null ? "null" : "\"" + Base64.getEncoder().encodeToString(data) + "\"";
  }

  static void write(String name, byte[] key, Iterable<Header> headers, byte[] value) {
    StringJoiner all = new StringJoiner(",", "{", "}");
    for (Header header : headers) all.add("\"" + header.key() + "\":" + base64(header.value()));
    System.out.printf("{\"name\":\"%s\",\"key\":%s,\"headers\":%s,\"value\":%s}%n", name, base64(key), all, base64(value));
  }

  static void event(String name, CloudEvent event, boolean structured) {
    Map<String, Object> settings = structured
        ? Map.of(
            CloudEventSerializer.ENCODING_CONFIG, Encoding.STRUCTURED,
            CloudEventSerializer.EVENT_FORMAT_CONFIG, "application/cloudevents+json")
        : Map.of();
    CloudEventSerializer serializer = new CloudEventSerializer();
    serializer.configure(settings, false);
    RecordHeaders headers = new RecordHeaders();
    byte[] value = serializer.serialize("topic", headers, event);
    write(name, null, headers, value);
  }

  static Converter converter(String name) {
    Converter converter = switch (name) {
      case "string" -> new StringConverter();
      case "bytes" -> new ByteArrayConverter();
      default -> new JsonConverter();
    };
    converter.configure(Map.of("schemas.enable", String.valueOf(name.equals("json-schemas"))), false);
    return converter;
  }

  /** The change that Debezium captures when a row is inserted into the outbox table. */
  static SourceRecord inserted(boolean asBytes) {
    String payload = "{\"orderId\":\"o-1\",\"total\":1.50}";
    Schema row = SchemaBuilder.struct()
        .field("id", SchemaBuilder.string().name("io.debezium.data.Uuid").build())
        .field("aggregatetype", Schema.STRING_SCHEMA)
        .field("aggregateid", Schema.STRING_SCHEMA)
        .field("type", Schema.STRING_SCHEMA)
        .field("payload", asBytes ? Schema.BYTES_SCHEMA : SchemaBuilder.string().name("io.debezium.data.Json").build())
        .build();
    Struct after = new Struct(row)
        .put("id", ROW_ID)
        .put("aggregatetype", "order")
        .put("aggregateid", "o-1")
        .put("type", "OrderCreated")
        .put("payload", asBytes ? ByteBuffer.wrap(payload.getBytes()) : payload);
    Schema sourceSchema = SchemaBuilder.struct().field("ts_ms", Schema.INT64_SCHEMA).build();
    Schema envelope = SchemaBuilder.struct()
        .name("db.outbox.Envelope")
        .field("op", Schema.STRING_SCHEMA)
        .field("after", row)
        .field("ts_ms", Schema.INT64_SCHEMA)
        .field("source", sourceSchema)
        .build();
    Struct change = new Struct(envelope)
        .put("op", "c")
        .put("after", after)
        .put("ts_ms", 1L)
        .put("source", new Struct(sourceSchema).put("ts_ms", 1L));
    Schema key = SchemaBuilder.struct().field("id", Schema.STRING_SCHEMA).build();
    return new SourceRecord(Map.of(), Map.of(), "db.outbox", key, new Struct(key).put("id", ROW_ID), envelope, change);
  }

  static void outbox(String mode, String converter) {
    Map<String, Object> settings = new HashMap<>();
    if (!mode.equals("plain")) settings.put("table.fields.additional.placement", "type:header:eventType");
    if (mode.equals("expand")) settings.put("table.expand.json.payload", "true");
    EventRouter<SourceRecord> router = new EventRouter<>();
    router.configure(settings);
    SourceRecord out = router.apply(inserted(converter.equals("bytes")));
    RecordHeaders headers = new RecordHeaders();
    SimpleHeaderConverter ofHeaders = new SimpleHeaderConverter();
    out.headers().forEach(header ->
        headers.add(header.key(), ofHeaders.fromConnectHeader(out.topic(), header.key(), header.schema(), header.value())));
    byte[] key = converter("string").fromConnectData(out.topic(), out.keySchema(), out.key());
    byte[] value = converter(converter).fromConnectData(out.topic(), out.valueSchema(), out.value());
    write("debezium " + mode + " " + converter, key, headers, value);
  }

  public static void main(String[] arguments) {
    CloudEventBuilder base = CloudEventBuilder.v1()
        .withId("1")
        .withSource(URI.create("/shop/a"))
        .withType("order.created")
        .withTime(OffsetDateTime.parse("2026-11-30T10:00:00.123456+01:00"))
        .withSubject("o-1")
        .withExtension("seq", 7)
        .withExtension("traceparent", "00-x");
    CloudEvent json = base.newBuilder().withData("application/json", ORDER).build();
    CloudEvent bytes = base.newBuilder().withData("application/octet-stream", BYTES).build();
    CloudEvent untyped = base.newBuilder().withData(ORDER).build();
    event("java binary json", json, false);
    event("java structured json", json, true);
    event("java binary bytes", bytes, false);
    event("java structured bytes", bytes, true);
    event("java binary without data", base.build(), false);
    event("java structured without data", base.build(), true);
    event("java binary without content type", untyped, false);
    event("java structured without content type", untyped, true);
    for (String mode : new String[] {"plain", "placement", "expand"}) {
      for (String converter : new String[] {"string", "json", "json-schemas", "bytes"}) outbox(mode, converter);
    }
  }
}
