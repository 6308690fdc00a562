// A hook of somebody else's.
internal class StartupHook
{
    public static void Initialize()
    {
        System.Console.WriteLine("the other hook");
    }
}
