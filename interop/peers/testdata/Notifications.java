import com.twocheckout.model.Ipn;
import com.twocheckout.model.TwocheckoutConfig;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Has 2Checkout's Java SDK judge notifications, as notifications.php does. A body is read
 * as a servlet's container reads it. The SDK takes the time of a reply as an argument.
 */
public class Notifications {
    public static void main(String[] args) throws Exception {
        TwocheckoutConfig config = new TwocheckoutConfig();
        config.setSecretKey(System.getenv("SECRET_KEY"));
        Ipn ipn = new Ipn(config);
        DateTimeFormatter form = DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneOffset.UTC);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split(" ");
            Map<String, String[]> post = new LinkedHashMap<>();
            for (String pair : parts[1].split("&")) {
                String[] field = pair.split("=", 2);
                String[] values = post.getOrDefault(decoded(field[0]), new String[0]);
                values = Arrays.copyOf(values, values.length + 1);
                values[values.length - 1] = decoded(field[1]);
                post.put(decoded(field[0]), values);
            }
            String date = form.format(Instant.ofEpochSecond(Long.parseLong(parts[0])));
            System.out.println(ipn.valid(post) ? "right " + ipn.response(post, date) : "wrong");
        }
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }
}
