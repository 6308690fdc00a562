// The user's method, named as ASSEMBLY::TYPE::METHOD.

using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.Loader;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

namespace Amazon.Lambda.RuntimeSupport
{
    // The handler string or the method that it names cannot be used.
    internal sealed class LambdaValidationException : Exception
    {
        public LambdaValidationException(string message) : base(message)
        {
        }
    }

    internal sealed class Handler
    {
        private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

        private readonly MethodInfo method;
        private readonly object instance; // null for a static method
        private readonly ILambdaSerializer serializer; // null if nobody named one
        private readonly Type input; // null if the method takes no event
        private readonly bool wantsContext;
        private readonly Type output; // what the method returns, or its task; typeof(void) for nothing

        private Handler(MethodInfo method, object instance, ILambdaSerializer serializer)
        {
            this.method = method;
            this.instance = instance;
            this.serializer = serializer;
            var parameters = method.GetParameters().Select(p => p.ParameterType).ToArray();
            if (parameters.Length > 2 || parameters.Length == 2 && !IsContext(parameters[1]))
            {
                throw new LambdaValidationException("The method '" + method.Name + "' takes too many parameters: a handler takes an event and an ILambdaContext, or less.");
            }
            wantsContext = parameters.Length > 0 && IsContext(parameters.Last());
            input = parameters.Length > (wantsContext ? 1 : 0) ? parameters[0] : null;
            output = Awaited(method.ReturnType);
            foreach (var type in new[] { input, output })
            {
                if (type != null && type != typeof(void) && !typeof(Stream).IsAssignableFrom(type) && serializer == null)
                {
                    throw new LambdaValidationException("The method '" + method.Name + "' takes or returns '" + type.FullName +
                        "', which only a serializer can read or write: name one with LambdaSerializerAttribute, or use System.IO.Stream.");
                }
            }
        }

        public static Handler Load(string name, LogWriter log)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None).Select(part => part.Trim()).ToArray();
            if (parts.Length != 3 || parts.Contains(""))
            {
                throw new LambdaValidationException("Invalid handler '" + name + "': it has to be ASSEMBLY::TYPE::METHOD.");
            }
            var assembly = LoadAssembly(parts[0]);
            var type = assembly.GetType(parts[1]);
            if (type == null)
            {
                throw new LambdaValidationException("There is no type '" + parts[1] + "' in the assembly '" + parts[0] + "'.");
            }
            var method = FindMethod(type, parts[2]);
            log.ServeLambdaLogger();
            var instance = method.IsStatic ? null : Create(type);
            return new Handler(method, instance, FindSerializer(method));
        }

        private static Assembly LoadAssembly(string name)
        {
            try
            {
                return AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(name));
            }
            catch (FileNotFoundException e)
            {
                throw new LambdaValidationException("The assembly '" + e.FileName + "' was not found.");
            }
        }

        private static MethodInfo FindMethod(Type type, string name)
        {
            for (var t = type; t != null; t = t.BaseType)
            {
                // A method with overloads is named with its signature, as ToString tells it.
                var found = t.GetMethods(Any).Where(m => m.Name == name || m.ToString() == name).ToArray();
                if (found.Length > 1)
                {
                    throw new LambdaValidationException("The type '" + type.FullName + "' has several methods '" + name +
                        "'; name one of them with its signature:\n" + string.Join("\n", found.Select(m => m.ToString())));
                }
                if (found.Length == 1)
                {
                    return Usable(found[0]);
                }
            }
            throw new LambdaValidationException("There is no method '" + name + "' in the type '" + type.FullName + "'.");
        }

        private static MethodInfo Usable(MethodInfo method)
        {
            string wrong = null;
            if (method.DeclaringType.ContainsGenericParameters || method.ContainsGenericParameters)
            {
                wrong = "it or its type is generic";
            }
            else if (method.IsAbstract || !method.IsStatic && method.DeclaringType.IsAbstract)
            {
                wrong = "it or its type is abstract";
            }
            else if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute), false))
            {
                wrong = "it is 'async void', so nobody can tell when it has ended";
            }
            if (wrong != null)
            {
                throw new LambdaValidationException("The method '" + method.Name + "' cannot be a handler: " + wrong + ".");
            }
            return method;
        }

        private static object Create(Type type)
        {
            try
            {
                return Activator.CreateInstance(type);
            }
            catch (TargetInvocationException e) when (e.InnerException != null)
            {
                ExceptionDispatchInfo.Capture(e.InnerException).Throw();
                throw; // not reached; the compiler does not know
            }
        }

        // The attribute is found by name: a function may have another assembly of that name than ours.
        private static ILambdaSerializer FindSerializer(MethodInfo method)
        {
            const string name = "Amazon.Lambda.Core.LambdaSerializerAttribute";
            var attribute = method.GetCustomAttributes().Concat(method.DeclaringType.Assembly.GetCustomAttributes())
                .FirstOrDefault(a => a.GetType().FullName == name);
            var type = (Type)attribute?.GetType().GetProperty("SerializerType").GetValue(attribute);
            if (type == null)
            {
                return null;
            }
            return Create(type) as ILambdaSerializer ??
                throw new LambdaValidationException("The serializer '" + type.FullName + "' does not implement ILambdaSerializer.");
        }

        // Returns the response's bytes. What the method throws leaves as it is.
        public async Task<byte[]> Call(Event next, ILambdaContext context)
        {
            using (var body = new MemoryStream(next.Body, false))
            {
                var arguments = new object[method.GetParameters().Length];
                if (input != null)
                {
                    arguments[0] = typeof(Stream).IsAssignableFrom(input) ? body : Generic("Deserialize", input, body);
                }
                if (wantsContext)
                {
                    arguments[arguments.Length - 1] = context;
                }
                var result = method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, arguments, null);
                if (result is Task task)
                {
                    await task;
                    result = output == typeof(void) ? null : task.GetType().GetProperty("Result").GetValue(task);
                }
                return await Serialize(result);
            }
        }

        private async Task<byte[]> Serialize(object result)
        {
            if (output == typeof(void))
            {
                return new byte[0];
            }
            using (var bytes = new MemoryStream())
            {
                if (!typeof(Stream).IsAssignableFrom(output))
                {
                    Generic("Serialize", output, result, bytes);
                }
                else if (result != null)
                {
                    using (var stream = (Stream)result)
                    {
                        await stream.CopyToAsync(bytes);
                    }
                }
                return bytes.ToArray();
            }
        }

        private object Generic(string name, Type type, params object[] arguments)
        {
            return typeof(ILambdaSerializer).GetMethod(name).MakeGenericMethod(type)
                .Invoke(serializer, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }

        private static Type Awaited(Type type)
        {
            if (type == typeof(Task))
            {
                return typeof(void);
            }
            for (var t = type; t != null; t = t.BaseType)
            {
                if (t.IsGenericType && t.GetGenericTypeDefinition() == typeof(Task<>))
                {
                    return t.GetGenericArguments()[0];
                }
            }
            return type;
        }

        private static bool IsContext(Type type)
        {
            return type == typeof(ILambdaContext);
        }
    }
}
