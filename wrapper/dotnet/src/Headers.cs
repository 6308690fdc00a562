// A look at headers that leaves them as they are.
//
// From .NET 5 on HttpClient sends a header as it was given, unless somebody has enumerated the headers, which parses it for good and
// has it sent in another form. Since .NET 6 there is a view that does not parse, NonValidated, which an assembly for 3.1 has to find
// by name. In 3.1 there is none, and none is needed: sending parses them all anyway (HttpHeaders.GetHeaderDescriptorsAndValues).

using System;
using System.Collections.Generic;
using System.Net.Http.Headers;
using System.Reflection;

namespace Afterglow
{
    internal static class Headers
    {
        private const int ParsesOnSending = 4; // .NET Core 3.1 calls itself 3 or 4, depending on whom one asks

        private static readonly Reader View = Find();

        // Gives names and values in turn: those of a message, and behind them those of its content, as they are sent.
        public static List<string> Of(HttpHeaders message, HttpHeaders content)
        {
            var list = new List<string>();
            View?.Add(list, message);
            if (content != null)
            {
                View?.Add(list, content);
            }
            return list;
        }

        public static string Find(List<string> headers, string name)
        {
            for (var i = 0; i + 1 < headers.Count; i += 2)
            {
                if (string.Equals(headers[i], name, StringComparison.OrdinalIgnoreCase))
                {
                    return headers[i + 1];
                }
            }
            return null;
        }

        private static Reader Find()
        {
            var property = typeof(HttpHeaders).GetProperty("NonValidated");
            if (property == null)
            {
                if (Environment.Version.Major <= ParsesOnSending)
                {
                    return new Enumerated();
                }
                Guard.Warn("headers cannot be seen without changing them in this version of .NET; they are left out");
                return null;
            }
            return Make(property);
        }

        // Makes a reader for a property whose type enumerates pairs of a name and a value of another type that enumerates strings.
        public static Reader Make(PropertyInfo property)
        {
            foreach (var type in property.PropertyType.GetInterfaces())
            {
                if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(IEnumerable<>))
                {
                    continue;
                }
                var pair = type.GetGenericArguments()[0];
                if (pair.IsGenericType && pair.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
                {
                    return (Reader)Activator.CreateInstance(typeof(Viewed<>).MakeGenericType(pair.GetGenericArguments()[1]), property);
                }
            }
            return null;
        }

        // Adds headers to a list.
        internal abstract class Reader
        {
            public abstract void Add(List<string> list, object headers);

            protected static void Add(List<string> list, string name, IEnumerable<string> values)
            {
                foreach (var value in values)
                {
                    list.Add(name);
                    list.Add(value ?? "");
                }
            }
        }

        private sealed class Enumerated : Reader
        {
            public override void Add(List<string> list, object headers)
            {
                foreach (var header in (HttpHeaders)headers)
                {
                    Add(list, header.Key, header.Value);
                }
            }
        }

        internal sealed class Viewed<T> : Reader where T : IEnumerable<string>
        {
            private readonly PropertyInfo property;

            public Viewed(PropertyInfo property)
            {
                this.property = property;
            }

            public override void Add(List<string> list, object headers)
            {
                foreach (var header in (IEnumerable<KeyValuePair<string, T>>)property.GetValue(headers))
                {
                    Add(list, header.Key, header.Value);
                }
            }
        }
    }
}
