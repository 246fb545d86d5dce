// Calls 2Checkout with its SDK, in each way that it offers but that with a token, and
// prints a line of JSON for each call: its name, and what came or the exception.
//
//   java -cp ... Calls
//
// The account is that of the tests.
import com.twocheckout.model.Api.Api;
import com.twocheckout.model.Api.Rest.TwocheckoutResponse;
import com.twocheckout.model.TwocheckoutConfig;
import java.util.HashMap;
import java.util.concurrent.Callable;
import org.json.JSONObject;

public class Calls {
    static JSONObject call(String name, Callable<TwocheckoutResponse> call) throws Exception {
        JSONObject result = new JSONObject().put("call", name);
        JSONObject answer = null;
        try {
            TwocheckoutResponse response = call.call();
            answer = response.getJson();
            result.put("status", response.getHttpStatus()).put("answer", answer == null ? response.getBody() : answer);
        } catch (Exception e) {
            result.put("error", e + ": " + e.getCause());
        }
        System.out.println(result.toString());
        return answer;
    }

    public static void main(String[] args) throws Exception {
        TwocheckoutConfig config = new TwocheckoutConfig();
        config.setMerchantCode("YOURCODE123");
        config.setSecretKey("test-secret-key");
        Api api = new Api(config);
        JSONObject order = new JSONObject("{\"Currency\":\"EUR\",\"Country\":\"DE\",\"Items\":[{\"Code\":\"x\",\"Quantity\":1}],\"PaymentDetails\":{\"Type\":\"TEST\"}}");
        JSONObject placed = call("order create", () -> api.order.create(order));
        String refNo = placed != null && placed.has("RefNo") ? placed.get("RefNo").toString() : "11331111";
        call("order get", () -> api.order.get(refNo));
        HashMap<String, String> search = new HashMap<>();
        search.put("Page", "1");
        call("order list", () -> api.order.list(search));
        call("api get", () -> api.call("/subscriptions/ABC123/", null, "GET"));
        call("api put", () -> api.call("/subscriptions/ABC123/", new JSONObject().put("ExpirationDate", "2027-01-01"), "PUT"));
        call("api delete", () -> api.call("/subscriptions/ABC123/", null, "DELETE"));
    }
}
