"""Names of days, months and times of day, and words of meetings, in English, German, French and Spanish."""

_MONTHS = (
    "january jan januar jänner janvier janv enero ene",
    "february feb februar février févr fév febrero",
    "march mar märz mrz mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug août agosto ago",
    "september sep sept septembre septiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre déc diciembre dic",
)
_DAYS = (
    "monday mon montag lundi lunes",
    "tuesday tue tues dienstag mardi martes",
    "wednesday wed weds mittwoch mercredi miércoles",
    "thursday thu thur thurs donnerstag jeudi jueves",
    "friday fri freitag vendredi viernes",
    "saturday sat samstag sonnabend samedi sábado",
    "sunday sun sonntag dimanche domingo",
)
MONTHS = {word: number for number, words in enumerate(_MONTHS, start=1) for word in words.split()}
DAYS = {word: number for number, words in enumerate(_DAYS) for word in words.split()}
# Days from the one on which a letter was written.
RELATIVE = {
    "today": 0, "tonight": 0, "tomorrow": 1, "heute": 0, "morgen": 1, "übermorgen": 2, "aujourd'hui": 0, "demain": 1,
    "après-demain": 2, "hoy": 0, "mañana": 1, "pasado mañana": 2,
}  # fmt: skip
MEETING = (
    r"meet(?:ing|up|s)?", r"call", r"appointment", r"lunch", r"dinner", r"breakfast", r"coffee", r"interview", r"demo",
    r"stand-?up", r"workshop", r"webinar", r"presentation", r"session", r"catch up", r"see you", r"get together",
    r"visit", r"review", r"conference", r"party", r"kick-?off", r"schedule[ds]?", r"invit(?:e|ed|ation)", r"talk",
    r"available", r"join us", r"treffen", r"termin", r"besprechung", r"meeting", r"anruf", r"telefonat",
    r"telefonieren", r"gespräch", r"sitzung", r"mittagessen", r"abendessen", r"kaffee", r"einladung", r"laden",
    r"vorstellungsgespräch", r"vortrag", r"sehen wir uns", r"rendez-vous", r"rdv", r"réunion", r"appel", r"déjeuner",
    r"dîner", r"entretien", r"rencontr\w{1,5}", r"retrouv\w{1,5}", r"voyons", r"visio", r"reunión", r"cita", r"llamada",
    r"quedamos", r"quedar", r"vemos", r"vernos", r"reunimos", r"reunirnos", r"almuerzo", r"comida", r"cena",
    r"entrevista", r"visita", r"charla",
)  # fmt: skip
