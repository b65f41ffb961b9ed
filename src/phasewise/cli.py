"""The command line: thin, it only parses and prints."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from phasewise import __version__, first_run
from phasewise import demo as demonstration
from phasewise.app import Application
from phasewise.bench import BenchError, bench_rows
from phasewise.bench import bench as measure
from phasewise.config import (
    AlreadyThereError,
    ConfigError,
    NotWritableError,
    TokenError,
    load_config,
    write_atomic,
    write_new,
    write_password,
)
from phasewise.devices.base import DeviceError
from phasewise.devices.homewizard import check_writable, parse_url, write_access
from phasewise.explain import reason_text
from phasewise.first_run import SetupStartError
from phasewise.logs import set_up_logging
from phasewise.registry import PluginError, Plugins, load_plugins
from phasewise.remote import Remote, RemoteError, identify_lines, read_secret
from phasewise.replay import change as changing
from phasewise.replay import whatif
from phasewise.replay.recording import ReplayError, read
from phasewise.replay.replay import replay as replayed
from phasewise.replay.replay import replay_lines
from phasewise.setup import import_ha as importing
from phasewise.sim import report as reports
from phasewise.sim import scorecard as scoring
from phasewise.sim import simulate as simulation
from phasewise.sim.backtest import report as backtests
from phasewise.sim.backtest.command import run_backtest
from phasewise.sim.backtest.prices import Contract, PriceUnit
from phasewise.sim.run import ControllerName
from phasewise.web import ServerStartError

EXIT_FAILED = 1
EXIT_BAD_CONFIG = 2

cli = typer.Typer(
    name="phasewise",
    help="Home battery controller that knows which electrical phase each battery is on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML configuration file.")]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@cli.command()
def run(
    config: ConfigPath,
    log_level: LogLevel = "info",
    host: Annotated[str, typer.Option(help="Of set-up, while there is no file.")] = first_run.HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Likewise.")] = first_run.PORT,
    trusted_proxy: Annotated[list[str] | None, typer.Option(help="Likewise: of web.trusted_proxies.")] = None,
) -> None:
    """Run the controller until it is stopped. Without a file: set-up on the dashboard, which makes it."""
    set_up_logging(log_level)
    plugins = _plugins()
    is_first = not config.exists()

    def say(text: str) -> None:
        out.print(text, markup=False)

    async def main() -> None:
        if is_first:
            proxies = trusted_proxy or ()
            await first_run.run(config, plugins, host=host, port=port, say=say, trusted_proxies=proxies)
        else:
            await Application(config, plugins).run()

    with _startable():
        asyncio.run(main())


@cli.command()
def check(config: ConfigPath, as_json: AsJson = False) -> None:
    """Check a configuration file: every problem with its line, or what it sets up."""
    plugins = _plugins()
    try:
        loaded = load_config(config, plugins.registry())
    except ConfigError as error:
        if as_json:
            problems = [vars(problem) for problem in error.problems]
            out.print_json(json.dumps({"ok": False, "problems": problems}))
        else:
            err.print(str(error), markup=False)
        raise typer.Exit(EXIT_BAD_CONFIG) from error
    if as_json:
        out.print_json(json.dumps({"ok": True, "problems": []}))
        return
    out.print(f"{config}: correct", markup=False)
    site = loaded.settings().site
    fuses = "/".join(f"{fuse_a:g}" for fuse_a in site.main_fuse_a[: site.phase_count])
    out.print(f"  {site.name}: {site.phase_count} x {fuses} A, meter {loaded.meter.driver}", markup=False)
    for meter in loaded.meters:
        out.print(f"  {meter.role}: {meter.name or meter.role}, meter {meter.driver}", markup=False)
    for battery in loaded.settings().batteries:
        limits = f"-{battery.max_discharge_w:g} to +{battery.max_charge_w:g} W"
        out.print(f"  {battery.id}: {battery.name}, phase {battery.phase}, {limits}", markup=False)
    for what, source in (("prices", loaded.prices), ("forecast", loaded.forecast)):
        if source is not None:
            out.print(f"  {what} from {source.driver}", markup=False)


@cli.command()
def password(file: Annotated[Path, typer.Argument(metavar="FILE", help="For web.password_file.")]) -> None:
    """Set the password of the dashboard: asks for it, or reads it from a pipe, and writes its hash."""
    given = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    try:
        write_password(file, given)
    except (ValueError, TokenError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        err.print(f"{file} was not written: {reason}", markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    out.print(
        f"{file} now has the hash of the password. Write 'password_file: {file}' under 'web:' (or "
        "'viewer_password_file' for who may only look), then restart Phasewise.",
        markup=False,
    )


@cli.command("pair-homewizard")
def pair_homewizard(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where it is, such as https://192.168.1.30.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="For the meter's token_file.")],
) -> None:
    """Get a token from a HomeWizard meter, whose button you press, and keep its certificate's fingerprint."""
    # What no other command needs.
    from phasewise.devices.homewizard_pairing import pair  # noqa: PLC0415

    def tell() -> None:
        err.print("Press the button of the meter now.")

    try:
        place = parse_url(url)
        if not place.startswith("https:"):
            raise ValueError(f"{url!r}: tokens are for https://, without one http:// is enough")
        check_writable(file)
        access = asyncio.run(pair(place, tell))
        write_access(file, access)
    except (ValueError, DeviceError, OSError) as error:
        reason = f"{file} cannot be written: {error.strerror}" if isinstance(error, OSError) else error
        err.print(str(reason), markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    out.print(
        f"{file} now has the token. Write 'url: {place}' and 'token_file: {file}' under 'meter:', with "
        "'driver: homewizard'. A token that was there before is no longer valid.",
        markup=False,
    )


@cli.command("import-ha")
def import_ha(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of Home Assistant, as in the browser.")],
    token_file: Annotated[
        Path | None, typer.Option(help="A file with a long-lived access token of it; the add-on needs none.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="The file to write. Default: print it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Make a configuration from what an existing set-up has in Home Assistant, such as Node-RED flows."""
    path = out_file or Path("home.yaml")
    try:
        text, found = asyncio.run(importing.configuration(url, token_file, path, _plugins().registry()))
        if out_file is not None:
            (write_atomic if force else write_new)(out_file, text)
    except AlreadyThereError as error:
        err.print(f"{error}. Nothing was written; --force replaces it.", markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    except (DeviceError, ConfigError, NotWritableError) as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    for title, lines in (("Taken over", found.taken), ("Left to you", found.left)):
        err.print(f"{title}:", markup=False)
        for line in lines:
            err.print(f"  - {line}", markup=False)
    if out_file is None:
        out.print(text, markup=False, end="")
        return
    err.print(f"Wrote {out_file}. Stop the old control before you start Phasewise with it.", markup=False)


@cli.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = 8080, or any free one.")] = 0,
    speed: Annotated[float, typer.Option(min=0.1, max=600, help="How much faster than real time.")] = 1.0,
    log_level: LogLevel = "warning",
) -> None:
    """Show Phasewise on a simulated three-phase house with PV and three batteries. Nothing to set up."""
    set_up_logging(log_level)

    def ready(url: str) -> None:
        out.print(f"\n  Phasewise demo house: [bold]{url}[/bold]   (Ctrl-C ends it)\n")

    with _startable():
        demonstration.main(_plugins(), port=port, speed=speed, ready=ready)


@cli.command()
def bench(
    seconds: Annotated[float, typer.Option(min=20, help="How long the daemon is watched.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Measure what control costs on this machine, with six simulated batteries on real sockets."""
    try:
        result = measure(dict(_plugins().strategies), seconds=seconds)
    except BenchError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        out.print_json(msgspec.json.encode(result).decode())
        return
    table = Table("what", "measured", "at most")
    for what, measured, most in bench_rows(result):
        table.add_row(what, measured, most)
    out.print(table)


@cli.command()
def simulate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|CSV",
            help="A scenario file (.yaml), a packaged scenario, or a recording: t,L1_w,L2_w,L3_w.",
        ),
    ],
    config: Annotated[Path | None, typer.Option(help="Take site, batteries and settings from it.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report with plots: one HTML file.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws noise and timing.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show what Phasewise would have done on a scenario, or on your own recording."""
    plugins = _plugins()
    with _startable():
        loaded = simulation.open_scenario(what)
        own = None if config is None else load_config(config, plugins.registry())
        result = simulation.simulate(loaded, plugins.strategies, config=own, seed=seed)
    if report is not None:
        _write(report, reports.simulation_report(result, reason_text))
    if as_json:
        out.print_json(msgspec.json.encode(result.summary).decode())
        return
    table = Table(result.summary.title, "without batteries", "with Phasewise")
    for row in simulation.summary_rows(result.summary):
        table.add_row(*row)
    out.print(table)
    for assumption in result.summary.assumptions:
        out.print(assumption, markup=False)


@cli.command()
def scorecard(
    only: Annotated[list[str] | None, typer.Option(help="Rows with this in their name.")] = None,
    controller: Annotated[
        ControllerName, typer.Option(help="What is put on the plant.")
    ] = ControllerName.OURS,
    seeds: Annotated[int | None, typer.Option(min=1, help="At most this many seeds a row.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Beside other controllers.")] = False,
    stability: Annotated[
        Path | None, typer.Option(help="Instead: write a map of where a step settles to this HTML file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the quality of control in closed loop. Fails if a figure misses what it must reach."""
    strategies = _plugins().strategies
    if stability is not None:
        with err.status("Trying every dead time, ramp and meter cadence"):
            cells = scoring.stability(strategies)
        _write(stability, reports.stability_report(cells))
        return
    with _startable():
        rows = scoring.chosen(only or [])
    scorer = scoring.Scorer(strategies, controller=controller, seeds=seeds, compare=compare)
    lines = []
    for loaded in rows:
        with err.status(f"Running {loaded.name}"), _startable():
            lines += scorer.lines(loaded)
    if as_json:
        out.print_json(msgspec.json.encode(lines).decode())
    else:
        header, cells_of = scoring.table(lines)
        table = Table(*header, box=None)
        for row in cells_of:
            table.add_row(*row, style=None if row[1] else "bold")
        out.print(table)
    if any(line.failed for line in lines):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def backtest(  # noqa: PLR0917 - typer calls it, by name
    prices: Annotated[
        Path | None, typer.Option(help="Market prices: a CSV with a header, start and price. Else generated.")
    ] = None,
    unit: Annotated[PriceUnit, typer.Option(help="Of the prices in the file.")] = PriceUnit.EUR_KWH,
    load: Annotated[
        Path | None, typer.Option(help="A recording of days: t,L1_w,L2_w,L3_w. Else a generated house.")
    ] = None,
    contract: Annotated[
        Contract, typer.Option(help="netting: selling earns what buying costs.")
    ] = Contract.SEPARATE,
    pv_peak_w: Annotated[
        float | None, typer.Option(min=0, help="Panels. Default: 4600, with a recording none.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws house, sky and generated prices.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write a report with plots: one HTML file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try strategies on a year of prices: what would each have cost? Takes about a minute."""
    with _startable(), err.status("Trying strategies") as status:
        found, courses, home = run_backtest(
            prices,
            load,
            contract=contract,
            unit=unit,
            pv_peak_w=pv_peak_w,
            seed=seed,
            progress=lambda doing: status.update(f"Trying strategies: {doing}"),
        )
    if report is not None:
        _write(report, backtests.html_report(found, courses, home))
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
        return
    table = Table(*backtests.HEADER, title=found.title, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    table.columns[0].no_wrap = True
    for row in found.rows:
        table.add_row(*backtests.cells(row))
    out.print(table)
    for assumption in found.assumptions:
        out.print(assumption, markup=False)


@cli.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="From GET /api/v1/recording.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Try a setting: control.target_grid_w=100.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Try all settings of this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make recorded decisions again: do they come out the same? Or, with other settings, how else?"""
    plugins = _plugins()
    with _startable(), _opened(file) as stream:
        header, records = read(stream)
        if config is None and not changes:
            result = replayed(header, records, plugins.strategies)
            _show(result, replay_lines(result), as_json=as_json)
            if not result.identical:
                raise typer.Exit(EXIT_FAILED)
            return
        own = None if config is None else load_config(config, plugins.registry()).settings()
        parsed = [changing.parse_change(text) for text in changes or []]
        tried = whatif.what_if(
            header, records, plugins.strategies, lambda now: changing.changed_settings(own or now, parsed)
        )
    _show(tried, whatif.what_if_lines(tried), as_json=as_json)
    if not as_json:
        table = Table("", "as recorded", "changed", "mean difference")
        for row in whatif.what_if_rows(tried):
            table.add_row(*row)
        out.print(table)


def _show(result: msgspec.Struct, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(result).decode())
        return
    for line in lines:
        out.print(line, markup=False)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        err.print(f"{path} cannot be read: {error.strerror or error}", markup=False)
        raise typer.Exit(EXIT_BAD_CONFIG) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        err.print(f"{path} cannot be written: {error.strerror or error}", markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    err.print(f"Wrote {path}", markup=False)


@cli.command()
def identify(
    battery: Annotated[str, typer.Argument(metavar="BATTERY", help="Its id in the configuration.")],
    url: Annotated[str, typer.Option(help="Where the running Phasewise has its dashboard.")] = (
        "http://127.0.0.1:8080"
    ),
    token_file: Annotated[Path | None, typer.Option(help="A file with its access token.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find out which phase a battery is on, in the running Phasewise. Fails without a clear answer."""
    try:
        daemon = Remote(url, None if token_file is None else read_secret(token_file))
        found = _followed(daemon.identify(battery))
    except RemoteError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        out.print_json(json.dumps(found))
    else:
        for line in identify_lines(found):
            out.print(line, markup=False)
    if found["state"] != "done" or found["outcome"] == "unclear":
        raise typer.Exit(EXIT_FAILED)


def _followed(states: Generator[dict[str, Any]]) -> dict[str, Any]:
    """The last of the states; each news of them is printed on standard error."""
    found: dict[str, Any] = {}
    with contextlib.closing(states) as following:
        for state in following:
            if state["state"] == "running" and state["text"] != found.get("text"):
                err.print(f"{100 * state['progress']:3.0f} %  {state['text']}", markup=False)
            found = state
    return found


@cli.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@contextlib.contextmanager
def _startable() -> Iterator[None]:
    """Say plainly why the daemon could not start."""
    try:
        yield
    except (ConfigError, ReplayError) as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_BAD_CONFIG) from error
    except (ServerStartError, SetupStartError, TokenError) as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAILED) from error


def _plugins() -> Plugins:
    try:
        return load_plugins()
    except PluginError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(EXIT_FAILED) from error


def main() -> None:
    """Entry point of the `phasewise` command."""
    cli()


if __name__ == "__main__":
    main()
