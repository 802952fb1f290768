"""How often a watched group alerts where nothing is wrong, beside what ``one_false_alarm_in`` promises."""
