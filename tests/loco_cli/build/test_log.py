from loco_cli.build.log import BuildLog


def test_the_oldest_lines_go_and_it_is_said() -> None:
    log = BuildLog(most=100)
    for n in range(50):
        log.add(f"line {n:02}")
    assert len(log.text.encode()) <= 100
    assert log.text.startswith("(older lines were cut)\n")
    assert log.text.endswith("line 48\nline 49\n")


def test_a_log_that_fits_is_whole_and_one_without_lines_is_empty() -> None:
    log = BuildLog(most=100)
    assert log.text == ""
    log.add("grün\nsecond")
    assert log.text == "grün\nsecond\n"


def test_values_are_hidden_line_by_line_and_the_longest_first() -> None:
    log = BuildLog(hidden=["first-part\nsecond-part\n", "first-part-and-more", "no"])
    log.add("a first-part-and-more b second-part no")
    assert log.text == "a *** b *** no\n"
