import java.net.ConnectException;
import java.net.URL;

/** Makes a request that is refused: Cached [URL]. */
public final class Cached {
    private Cached() {}

    public static void main(String[] args) throws Exception {
        for (String url : args) {
            try {
                new URL(url).openStream().close();
            } catch (ConnectException e) {
                System.out.println("refused");
            }
        }
    }
}
