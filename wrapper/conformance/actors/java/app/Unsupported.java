package app;

/** This actor cannot tell the story. */
final class Unsupported extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unsupported(String why) {
        super(why);
    }
}
