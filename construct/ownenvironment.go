package construct

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/settings"
)

// settingID is what the warning about a variable of OpenTelemetry's is known by.
const settingID = "@afterglow-lambda/construct:wrongSetting"

// says tells whether the function's own environment has a value for a setting: an empty or a blank one is what the variable of a build that is not set gives.
func (s functionState) says(name string) bool {
	value, set := s.environment[name]
	text, isText := value.(string)
	return set && (!isText || strings.TrimSpace(text) != "")
}

// exporting tells whether the user has said in the function's environment where to export to.
func (s functionState) exporting() bool {
	return s.says(envExporters) || slices.ContainsFunc(envEndpoints, s.says)
}

// names tells whether the function's own environment names an exporter.
func (s functionState) names(kind string) bool {
	named, _ := s.environment[envExporters].(string)
	return slices.Contains(settings.Read(func(string) string { return named }).Set(envExporters), kind)
}

// misread gives what Afterglow does not understand of OpenTelemetry's variables in the function's own environment. These are no errors, as wrong values of our own
// are: they may be right for an SDK that the function brings along, and the extension makes do with its defaults. Of protocols there is but one, which is a hint.
func (s functionState) misread() (warnings, hints []string) {
	for _, name := range sortedKeys(s.environment) {
		text, isText := s.environment[name].(string)
		setting, known := settings.Lookup(name)
		if !isText || !known || !strings.HasPrefix(name, "OTEL_") {
			continue
		}
		var wrong *settings.Error
		if !errors.As(setting.Check(text), &wrong) {
			continue
		}
		wrong.Counts = cmp.Or(setting.Default, "unset")
		if strings.HasSuffix(name, "_PROTOCOL") {
			wrong.Counts = "http/protobuf"
			hints = append(hints, "property Environment: "+wrong.Error())
			continue
		}
		warnings = append(warnings, "property Environment: "+wrong.Error())
	}
	return warnings, hints
}

// warnOfSettings leaves what misread found on the function.
func (t target) warnOfSettings(warnings []string) {
	for _, text := range warnings {
		awscdk.Annotations_Of(t.shown).AddWarningV2(jsii.String(settingID), jsii.String("Afterglow does not understand a variable of this function: "+text+"."))
	}
}

// reaches tells whether OTLP has an endpoint for any signal that is exported, in our settings or the function's own environment.
func (s functionState) reaches(wanted map[string]string, exporters []Exporter) error {
	if !slices.ContainsFunc(exporters, func(e Exporter) bool { _, is := e.(*otlp); return is }) {
		return nil
	}
	set := func(name string) bool { return s.says(name) || wanted[name] != "" }
	if set(envEndpoints[0]) {
		return nil
	}
	const name = "AFTERGLOW_SIGNALS"
	asked := wanted[name]
	if s.says(name) {
		text, isText := s.environment[name].(string)
		if !isText {
			return nil // which CloudFormation knows
		}
		asked = text
	}
	signals := settings.Read(func(string) string { return asked }).Set(name)
	for _, signal := range signals {
		if set("OTEL_EXPORTER_OTLP_" + strings.ToUpper(signal) + "_ENDPOINT") {
			return nil
		}
	}
	return fmt.Errorf("property Afterglow.Exporters: ToOTLP has no endpoint for %s, which Signals says to export, so nothing would be; set Endpoint, or that of a signal that is exported, "+
		"or name the signals that have one in Signals", strings.Join(signals, ", "))
}

// addressless gives a hint where the function's own environment names otlp, and nobody says where that is.
func (s functionState) addressless(wanted map[string]string) []string {
	if !s.names((*otlp)(nil).kind()) ||
		slices.ContainsFunc(envEndpoints, func(name string) bool { return s.says(name) || wanted[name] != "" }) {
		return nil
	}
	return []string{"property Environment: " + envExporters + " names otlp and there is no endpoint, so telemetry goes to a collector within the function's environment, at http://localhost:4318; " +
		"set OTEL_EXPORTER_OTLP_ENDPOINT if there is none"}
}
