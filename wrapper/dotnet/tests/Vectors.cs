// Writes the records of the spool's vectors with the hook's own writer, for Go's reader to compare: Vectors MANIFEST DIRECTORY.

using System;
using System.IO;
using System.Text;
using System.Text.Json;

namespace Afterglow
{
    internal static class Vectors
    {
        private static int Main(string[] args)
        {
            using (var manifest = JsonDocument.Parse(File.ReadAllBytes(args[0])))
            {
                foreach (var vector in manifest.RootElement.EnumerateArray())
                {
                    var spool = new Spool(new Settings(args[1] + "/" + vector.GetProperty("name").GetString()));
                    if (vector.TryGetProperty("records", out var records) && records.ValueKind == JsonValueKind.Array && records.GetArrayLength() > 0)
                    {
                        spool.Begin("vector", true);
                        foreach (var record in records.EnumerateArray())
                        {
                            Write(spool, record);
                        }
                    }
                    spool.EndAll();
                }
            }
            return 0;
        }

        private static void Write(Spool spool, JsonElement record)
        {
            var header = record.GetProperty("header");
            var fields = new Text(64);
            Part[] parts = null;
            foreach (var field in header.EnumerateObject())
            {
                switch (field.Name)
                {
                    case "kind":
                    case "inv":
                    case "t":
                        break;
                    case "parts":
                        parts = Parts(field.Value, record.TryGetProperty("body", out var body) ? body.GetBytesFromBase64() : new byte[0]);
                        break;
                    default:
                        fields.Raw(",").Quoted(field.Name).Raw(":");
                        Value(fields, field.Value);
                        break;
                }
            }
            spool.Write(header.GetProperty("kind").GetString(), header.GetProperty("inv").GetString(), fields, parts);
        }

        // Strings go through the writer's own quoting.
        private static void Value(Text text, JsonElement value)
        {
            var between = "";
            switch (value.ValueKind)
            {
                case JsonValueKind.String:
                    text.Quoted(value.GetString(), int.MaxValue / 8);
                    break;
                case JsonValueKind.Array:
                    text.Raw("[");
                    foreach (var item in value.EnumerateArray())
                    {
                        Value(text.Raw(between), item);
                        between = ",";
                    }
                    text.Raw("]");
                    break;
                case JsonValueKind.Object:
                    text.Raw("{");
                    foreach (var member in value.EnumerateObject())
                    {
                        Value(text.Raw(between).Quoted(member.Name).Raw(":"), member.Value);
                        between = ",";
                    }
                    text.Raw("}");
                    break;
                default:
                    var raw = Encoding.UTF8.GetBytes(value.GetRawText());
                    text.Raw(raw, 0, raw.Length);
                    break;
            }
        }

        private static Part[] Parts(JsonElement described, byte[] body)
        {
            var parts = new Part[described.GetArrayLength()];
            var at = 0;
            for (var i = 0; i < parts.Length; i++)
            {
                var p = described[i];
                var length = p.GetProperty("len").GetInt32();
                parts[i] = new Part(p.GetProperty("of").GetString(), body, at, length, p.TryGetProperty("size", out var size) ? size.GetInt64() : -1,
                    p.TryGetProperty("truncated", out _), p.TryGetProperty("shortened", out _));
                at += length;
            }
            return parts;
        }
    }
}
