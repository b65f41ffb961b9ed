"""English."""

from phasewise.explain.catalogue import Catalogue
from phasewise.model import AlarmCode as A
from phasewise.model import FactCode as F
from phasewise.model import ReasonCode as R

EN = Catalogue(
    reasons={
        R.BATTERY_LIMIT: (
            "This battery is at the most power it can or may give; others take over where they can."
        ),
        R.SOC_LIMIT: "This battery is as full or as empty as it may get; it waits until there is room again.",
        R.DIRECTION: "The strategy now allows only charging, or only discharging; the rest waits.",
        R.METER_LOST: "Nothing is heard from the smart meter, so this battery rests at 0 W until it is back.",
        R.METER_AGING: "The last meter value is getting old, so power is not increased until the next one.",
        R.STARTING: "Control is starting; it begins after the first two meter values.",
        R.UNREACHABLE: "This battery can't be reached; it is tried again and others take over meanwhile.",
        R.NOT_CONTROLLABLE: (
            "This battery takes no commands now (backup or update); it joins in when it does."
        ),
        R.NOT_RESPONDING: "This battery does not do what it is told; it gets another try in a few minutes.",
        R.WRONG_DIRECTION: (
            "This battery did the opposite of its command. Take it out of service, and back when it is right."
        ),
        R.OUT_OF_SERVICE: "You took this battery out of service; it stays out until you change that.",
        R.HOLD: "You set a fixed power for this battery; it follows the strategy again afterwards.",
        R.FULL_STOP: "Full stop is on, so this battery rests at 0 W until another strategy is chosen.",
        R.PV_SURPLUS: "The sun gives more than the full battery can take; the surplus goes to the house.",
        R.MINIMUM_POWER: "So little power is needed that this battery would run below its minimum; it waits.",
        R.PHASE_LIMIT: "The fuse of {phase} leaves no room for more; power grows again when there is room.",
        R.PHASE_LOST: "The meter says nothing of {phase}, so power there goes down to 0 W until it is back.",
        R.PHASE_DOUBTFUL: (
            "What this battery gave did not show on {phase} but on another phase, so it rests for some"
            " minutes. Check on which phase it is."
        ),
        R.UNASSIGNED_WORST_CASE: (
            "The phase of this battery is not set, so it does only what is safe on {phase} and every "
            "other phase. Set its phase to let it do more."
        ),
        R.RELIEF: (
            "This battery helps to keep {phase} inside its fuse, and stops when that is no longer needed."
        ),
        R.COMPENSATION: (
            "This battery makes up for another one that helps its phase, so that the home as a whole stays on"
            " target."
        ),
        R.DIRECTION_CHANGE: (
            "Another battery is still working the other way; this one starts as soon as that one has stopped."
        ),
        R.PEAK: (
            "This battery keeps the home's import or export inside the limit that is set, and does no more "
            "than that takes."
        ),
        R.UNASSIGNED: (
            "Each phase is held at its own target, and the phase of this battery is not set. Set it to let "
            "it take part."
        ),
        R.STEP: "This battery can be set only in steps; the last few watts are left over.",
    },
    alarms={
        A.METER_LOST: (
            "Nothing new is heard from the smart meter. All batteries go to 0 W and go on by themselves "
            "when it is back. Check its cable or network."
        ),
        A.METER_REPLAYED: (
            "The smart meter repeats an old message. Repeats are ignored; if nothing new comes, the "
            "batteries go to 0 W."
        ),
        A.METER_REJECTED: (
            "The smart meter sent a value that cannot be true. It was not used; control waits for a good one."
        ),
        A.METER_SLOW: (
            "The smart meter sends too seldom to protect a phase, so phase protection is off. All else "
            "goes on."
        ),
        A.SUBMETER_LOST: (
            "Nothing is heard from the further meter {subject}. Control goes on without it; check its cable"
            " or network."
        ),
        A.BATTERY_UNREACHABLE: (
            "Battery {subject} can't be reached. Others take over and it is tried again. Check that it is"
            " on and on the network."
        ),
        A.BATTERY_NOT_RESPONDING: (
            "Battery {subject} does not do what it is told. It is left out for five minutes, others take "
            "over, then it is tried again."
        ),
        A.BATTERY_WRONG_DIRECTION: (
            "Battery {subject} charges when told to discharge, or the other way round. It was stopped and"
            " stays off. Check its model in the configuration; then take it out of service and back."
        ),
        A.BATTERY_NOT_CONTROLLABLE: (
            "Battery {subject} takes no commands now, as during backup or an update. It joins in again "
            "when it does."
        ),
        A.BATTERY_BAD_READING: (
            "Battery {subject} reports a value that cannot be true. It was not used; the next reading is "
            "awaited."
        ),
        A.BATTERY_FOREIGN_WRITER: (
            "Something else is controlling battery {subject} too. The command is sent again each time; "
            "switch off the other app or automation."
        ),
        A.CONFIG_INVALID: (
            "The configuration file has an error. The last good settings stay in effect until it is "
            "corrected."
        ),
        A.CONFIG_NOT_WRITABLE: (
            "The configuration file can't be written. The last change holds until the next restart; make "
            "the file writable to keep it."
        ),
        A.CONFIG_RESTART_NEEDED: (
            "The configuration file was changed in a way that needs a restart. Until then the old "
            "settings stay in effect."
        ),
        A.HISTORY_NOT_WRITTEN: (
            "History can't be written to its file. It waits in memory for about an hour, and is written once "
            "that works; control goes on. Make room on the disk, or the file writable."
        ),
        A.HISTORY_DAMAGED: (
            "The file of history was damaged. It was moved aside, nothing was deleted, and history began "
            "anew; control goes on. If this comes again, check the disk or SD card."
        ),
        A.MQTT_UNREACHABLE: (
            "The MQTT broker can't be reached, so Home Assistant and others on it see nothing of Phasewise; "
            "control goes on. It is tried again all the time: check address, user and password."
        ),
        A.STRATEGY_FAILED: (
            "Strategy {subject} failed with an error, so all batteries are at 0 W. It is tried again with"
            " each meter value; choose another one if this lasts."
        ),
        A.PRICE_UNKNOWN: (
            "No energy price is known for now, so the fallback of the dynamic strategy runs. That ends by"
            " itself when there are prices; if this lasts, check where they come from."
        ),
        A.FORECAST_UNKNOWN: (
            "No forecast of the sun is known for the day ahead, so the batteries are charged fully instead"
            " of leaving room. If this lasts, check where the forecast comes from."
        ),
        A.CONTROL_FAILED: (
            "Phasewise could not make a decision because of an error of its own, so all batteries are at 0 W."
            " It tries again with each meter value; please report it if this lasts."
        ),
        A.PROTECTION_IDLE: (
            "Phase protection is on but can't act, because no battery has a phase. Set the phase of at "
            "least one battery."
        ),
        A.PROTECTION_REFUSED: (
            "Phase protection is on but can't work here, so no phase is protected. All else goes on."
        ),
        A.REGULATION_REFUSED: (
            "The phases can't be held one by one here, so the batteries hold the total of the home instead."
        ),
        A.PHASE_OVERLOAD: (
            "{subject} is outside its limits by more than its batteries can take back. Switch something off"
            " on that phase before the fuse does."
        ),
        A.PHASE_LOST: (
            "The smart meter no longer says anything of {subject}, so its batteries go to 0 W. The other"
            " phases go on; {subject} joins in again by itself."
        ),
        A.FUSE_WARM: (
            "The fuse of {subject} has been carrying too much for some time. Switch something off on that"
            " phase; the fuse needs minutes to cool down."
        ),
        A.MAPPING_DOUBTFUL: (
            "What the meter shows does not fit the phase that is set for battery {subject}. Nothing was"
            " changed; check on which phase it is."
        ),
        A.PHASE_TOLD_OTHERWISE: (
            "Another phase is chosen for battery {subject} where its readings come from, such as in Home"
            " Assistant. The phase that is set here counts; make both the same."
        ),
    },
    facts={
        F.IMPORT_OVER_W: "It draws {value} too much.",
        F.EXPORT_OVER_W: "It feeds in {value} too much.",
        F.NO_BATTERY: "No battery is set to this phase.",
        F.USED_PCT: "{value} of what it can take is used up.",
        F.DELTA: (
            "Without a neutral (3 x 230 V delta), what the meter says of a phase does not mean what its fuse"
            " carries."
        ),
        F.SILENT_S: "It has said nothing new for more than {value}.",
        F.CADENCE_S: "The meter sends every {value}; a phase needs 10 s or less.",
        F.NO_PHASE_POWER: "The meter does not tell the power of each phase.",
        F.SEEN_ON: "Its power shows on {value}.",
        F.TOLD_PHASE: "There it is {value}.",
    },
    difference="This makes a difference of {power}.",
    detail="Detail: {detail}",
    own_phase="its phase",
    nameless="without a name",
    thousands=",",
)
