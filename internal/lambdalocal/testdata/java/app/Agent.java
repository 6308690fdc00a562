package app;

/** What -javaagent names. */
public class Agent {
    public static void premain(String args) {
        System.setProperty("only.agent", args);
    }
}
