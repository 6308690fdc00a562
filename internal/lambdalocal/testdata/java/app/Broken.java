package app;

/** Cannot be made. */
public class Broken {
    public Broken() {
        throw new IllegalStateException("no database");
    }

    public String handle(String event) {
        return event;
    }
}
