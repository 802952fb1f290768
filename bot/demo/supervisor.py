"""supervisord, which ends with the process that started it. Takes the arguments that supervisord takes."""

from supervisor.supervisord import main

from bot.demo.lifeline import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    main()
