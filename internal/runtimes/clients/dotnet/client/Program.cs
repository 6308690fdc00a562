// What /var/runtime/Amazon.Lambda.RuntimeSupport.dll is where AWS's own managed runtime is not: the program
// that Lambda's bootstrap starts with the handler as its argument. It hands over to AWS's
// Amazon.Lambda.RuntimeSupport from NuGet if that was found at installation, else to a client of our own,
// written from the public contract (Runtime API, handler strings, Amazon.Lambda.Core).

using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;
using System.Threading.Tasks;

namespace Amazon.Lambda.RuntimeSupport
{
    internal static class Program
    {
        private static int Main(string[] args)
        {
            if (args.Length == 0)
            {
                Console.Error.WriteLine("The runtime client needs the handler as its argument.");
                return 1;
            }
            // The function's dependencies come first; what it does not bring may lie beside this file.
            var beside = Path.GetDirectoryName(typeof(Program).Assembly.Location);
            AssemblyLoadContext.Default.Resolving += (context, name) =>
            {
                var path = Path.Combine(beside, name.Name + ".dll");
                return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
            };
            var published = Path.Combine(beside, "published", "Amazon.Lambda.RuntimeSupport.dll");
            (File.Exists(published) ? RunPublished(published, args[0]) : RunOwn(args[0])).GetAwaiter().GetResult();
            return 0;
        }

        // AWS's assembly has the name of this one, so it is loaded into a context of its own; what it refers
        // to, Amazon.Lambda.Core above all, comes from the default one, where the function is.
        private static Task RunPublished(string path, string handler)
        {
            var client = new AssemblyLoadContext("client").LoadFromAssemblyPath(path);
            var start = client.GetType("Amazon.Lambda.RuntimeSupport.RuntimeSupportInitializer", true);
            var instance = Activator.CreateInstance(start, handler);
            return (Task)start.GetMethod("RunLambdaBootstrap", Type.EmptyTypes).Invoke(instance, null);
        }

        // A method of its own: to compile it loads Amazon.Lambda.Core, which has to be found by then.
        private static Task RunOwn(string handler)
        {
            return new Bootstrap(new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"))).Run(handler);
        }
    }
}
