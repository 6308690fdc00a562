package lib;

/** Lies in the function's own lib. */
public class Words {
    public static final String WORDS = "from lib";
}
