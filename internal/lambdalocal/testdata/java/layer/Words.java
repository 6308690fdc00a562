package layer;

/** Lies in a layer's java/lib. */
public class Words {
    public static final String WORDS = "from the layer";
}
