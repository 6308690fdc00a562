package afterglow.hook;

/** Which requests name their call's span as parent. It prints what is wrong. */
final class Parents {
    private static final String TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

    private static boolean wrong;

    private Parents() {}

    public static void main(String[] args) {
        check(true, "a.test, pay.example.com", "https://pay.example.com:8443/x", TRACE);
        check(true, "pay.example.com:8443", "https://u:p@PAY.example.com:8443?x", TRACE);
        check(false, "pay.example.com:8443", "https://pay.example.com/x", TRACE);
        check(true, ".example.com", "https://a.pay.example.com/", TRACE);
        check(false, ".example.com", "https://example.com/", TRACE);
        check(false, "example.com", "https://evil.test/@example.com", TRACE);
        check(true, "pay.*.com", "https://pay.example.com/", TRACE);
        check(true, "[::1]", "http://[::1]:8080/", TRACE);
        check(false, "*", "https://a/", TRACE, "Traceparent", "x");
        check(false, "*", "https://a/", TRACE, "Authorization", "AWS4-HMAC-SHA256 Credential=x");
        check(false, "*", "https://a/", TRACE, "Authorization", "OAuth oauth_signature=x");
        check(true, "*", "https://a/", TRACE, "Authorization", "Bearer x");
        check(false, "*", "https://a/", TRACE, "Signature-Input", "x");
        check(false, "*", "https://a/?X-Amz-Signature=x", TRACE);
        check(false, "*", "https://a/", null);
        check(false, "*", "https://a/", "Root=1-5759e988");
        if (Propagation.to(" , ") != null) {
            wrong = true;
            System.out.println("there is a host where none is named");
        }
        System.exit(wrong ? 1 : 0);
    }

    private static void check(boolean meant, String domains, String url, String trace, String... headers) {
        String parent = Propagation.to(domains).parent(url, headers, trace);
        if (meant ? parent == null || !parent.matches("00-5759e988bd862e3fe1be46a994272793-" + Propagation.span(parent) + "-01") : parent != null) {
            wrong = true;
            System.out.println(domains + " " + url + " " + trace + " " + String.join(": ", headers) + ": " + parent);
        }
    }
}
