package lambdalocal

const victimDir = "LAMBDALOCAL_TEST_VICTIM"

func victim(string) int { return 0 }
