// Bytes that lie in memory, and a look at those of an HttpContent without touching it.
//
// Every public way to the bytes of a content reads it: it moves a stream, or has the content keep a second copy from then on.
// So private fields are looked at, and only of the framework's own types, whose fields have the same names in .NET Core 3.1 and
// .NET 6 to 10. A content of any other type, or with other fields, is not at hand.

using System;
using System.IO;
using System.Net.Http;
using System.Reflection;

namespace Afterglow
{
    internal struct Bytes
    {
        public byte[] Data; // null: not at hand
        public int From, Length;

        private const BindingFlags Private = BindingFlags.Instance | BindingFlags.NonPublic;

        private Bytes(object data, object from, object length)
        {
            Data = data as byte[];
            From = from is int f ? f : 0;
            Length = length is int n ? n : 0;
            if (From < 0 || Length < 0 || Data != null && Length > Data.Length - From)
            {
                Data = null;
            }
        }

        // What is about to be sent, if that is bytes of the function's or of the runtime client's that are complete by now.
        public static Bytes Of(HttpContent content)
        {
            var type = content.GetType();
            if (type == typeof(ByteArrayContent) || type == typeof(StringContent) || type == typeof(FormUrlEncodedContent))
            {
                return new Bytes(Field(typeof(ByteArrayContent), content, "_content"), Field(typeof(ByteArrayContent), content, "_offset"),
                    Field(typeof(ByteArrayContent), content, "_count"));
            }
            return type == typeof(StreamContent) ? Rest(Field(typeof(StreamContent), content, "_content")) : default(Bytes);
        }

        // The same of the runtime client's, which puts the function's response into a stream around a stream.
        public static Bytes OfClient(HttpContent content)
        {
            var bytes = Of(content);
            if (bytes.Data != null || content.GetType() != typeof(StreamContent))
            {
                return bytes;
            }
            var outer = Field(typeof(StreamContent), content, "_content");
            foreach (var field in outer.GetType().GetFields(Private))
            {
                if (typeof(Stream).IsAssignableFrom(field.FieldType))
                {
                    return Rest(field.GetValue(outer));
                }
            }
            return bytes;
        }

        // What a content was read into by somebody who wanted all of it. Up to .NET 8 that is a MemoryStream; later a stream
        // whose last buffer is the only one, and no pool's, once the content has it.
        public static Bytes Buffered(HttpContent content)
        {
            var buffer = Field(typeof(HttpContent), content, "_bufferedContent");
            if (buffer is MemoryStream)
            {
                return new Bytes(Field(typeof(MemoryStream), buffer, "_buffer"), Field(typeof(MemoryStream), buffer, "_origin"),
                    Field(typeof(MemoryStream), buffer, "_length"));
            }
            if (buffer == null || !(Field(buffer.GetType(), buffer, "_lastBufferIsPooled") is bool pooled) || pooled)
            {
                return default(Bytes);
            }
            return new Bytes(Field(buffer.GetType(), buffer, "_lastBuffer"), 0, Field(buffer.GetType(), buffer, "_totalLength"));
        }

        // What is left of a stream in memory. Others, and classes made of it, have their own idea of what they hold.
        private static Bytes Rest(object stream)
        {
            if (stream == null || stream.GetType() != typeof(MemoryStream))
            {
                return default(Bytes);
            }
            var position = Field(typeof(MemoryStream), stream, "_position");
            var end = Field(typeof(MemoryStream), stream, "_length");
            if (!(position is int from) || !(end is int to))
            {
                return default(Bytes);
            }
            return new Bytes(Field(typeof(MemoryStream), stream, "_buffer"), from, Math.Max(0, to - from));
        }

        private static object Field(Type type, object of, string name)
        {
            return type.GetField(name, Private)?.GetValue(of);
        }
    }
}
