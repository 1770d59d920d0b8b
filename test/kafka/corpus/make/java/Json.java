import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Answers each line of JSON on stdin with one line on stdout, in order. */
final class Json {
  static final ObjectMapper MAPPER = new ObjectMapper();

  interface Step {
    Object take(JsonNode step) throws Exception;
  }

  static void serve(Step each) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      Object answer;
      try {
        answer = each.take(MAPPER.readTree(line));
      } catch (Exception | AssertionError failed) {
        answer = Map.of("error", failed.toString());
      }
      out.println(MAPPER.writeValueAsString(answer));
    }
  }

  static String text(JsonNode node, String field) {
    return node.hasNonNull(field) ? node.get(field).asText() : null;
  }

  static long number(JsonNode node, String field, long otherwise) {
    return node.hasNonNull(field) ? node.get(field).asLong() : otherwise;
  }

  static byte[] bytes(JsonNode node) {
    return node == null || node.isNull() ? null : Base64.getDecoder().decode(node.asText());
  }

  static String base64(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }

  static Header[] headers(JsonNode record) {
    var pairs = record.path("headers");
    var headers = new Header[pairs.size()];
    for (int i = 0; i < headers.length; i++) {
      headers[i] = new RecordHeader(pairs.get(i).get(0).asText(), bytes(pairs.get(i).get(1)));
    }
    return headers;
  }
}
