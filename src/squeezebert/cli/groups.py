"""The commands under headings, and what ``squeezebert`` says when it is called alone."""

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from squeezebert.cli.notes import note

FIRST_STEPS = """\
Text understanding, small and fast enough to run anywhere. Begin with:

  squeezebert predict "A gripping, beautifully shot film."
      Ask the built-in model of sentiment.

  squeezebert models
      See which other models are built in, and how good they are.

  squeezebert learn YOUR.csv -o MODEL
      Make a model from your own texts and labels, in a minute.

squeezebert --help lists all commands; squeezebert COMMAND --help explains one."""


class Command(TyperCommand):
    """Says how it is used with the options that it can't do without."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands behind the command's name: arguments, needed options, other options."""
        others, *arguments = super().collect_usage_pieces(ctx)
        needed = [
            f"{option.opts[0]} {option.make_metavar(ctx)}"
            for option in self.params
            if option.param_type_name == "option" and option.required
        ]
        return [*arguments, *needed, others]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Says so where an option that takes one value is given more, of which the last counts."""
        _, _, given = self.make_parser(ctx).parse_args(args=[*args])
        for param in self.params:
            is_single = isinstance(param, TyperOption) and not (param.multiple or param.is_flag)
            if is_single and sum(one is param for one in given) > 1:
                note(f"{max(param.opts, key=len)} is given more than once; the last counts.")
        return super().parse_args(ctx, args)


class CommandGroups(TyperGroup):
    """Lists each command under its heading, with the first sentence of what it does."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes a section for each heading, in the order in which the commands were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            sentence = " ".join((command.help or "").partition("\n\n")[0].split())
            heading = str(getattr(command, "rich_help_panel", None) or "Commands")
            sections.setdefault(heading, []).append((name, sentence))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
