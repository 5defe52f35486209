"""Phrases by which letters decide, ask, promise and settle, in English, German, French and Spanish.

A sentence is looked at in small letters and alone; each pattern is a flat list of phrases, so that none can run away.
"""

import re


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


DECIDED = _any(
    r"(?<!what )(?<!as )(?<!than )(?<!which )we(?:'ve| have)? (?:have )?(?:now )?(?:decided|agreed|"
    r"settled on|chosen|concluded)",
    r"(?:it (?:is|was|has been) )decided",
    r"decision:",
    r"we(?:'ll| will) go (?:ahead )?with",
    r"let(?:'s| us) go (?:ahead )?with",
    r"(?:is|are|was|were|has been|have been) approved",
    r"i(?:'ve| have)? (?:hereby )?approved?",
    r"we(?:'re| are) going (?:ahead )?with",
    r"the decision is",
    r"agreed to",
    r"wir haben (?:uns )?(?:\w+ ){0,6}(?:beschlossen|entschieden|geeinigt|vereinbart)",
    r"(?:wurde|ist|sind|wurden) (?:\w+ ){0,4}(?:beschlossen|entschieden|genehmigt|vereinbart)",
    r"entscheidung:",
    r"beschluss:",
    r"wir nehmen (?:also |jetzt )?(?:die|das|den)",
    r"wir machen es so",
    r"einigten uns",
    r"nous avons (?:\w+ ){0,2}(?:décidé|convenu|choisi|retenu)",
    r"il (?:a été|est) (?:décidé|convenu)",
    r"décision ?:",
    r"c'est décidé",
    r"on (?:part|partira) sur",
    r"on a décidé",
    r"(?:est|a été|sont|ont été) (?:validée?s?|approuvée?s?)",
    r"nous sommes d'accord pour",
    r"hemos (?:decidido|acordado|elegido|quedado)",
    r"se (?:decidió|acordó|ha decidido|ha acordado)",
    r"decidimos",
    r"acordamos",
    r"decisión:",
    r"queda (?:decidido|aprobado|acordado)",
    r"vamos (?:adelante )?con",
    r"(?:está|fue|ha sido) aprobad[oa]",
)
PROMISED = re.compile(
    r"(?<!\w)(?P<cue>(?:i(?:'ll| will| shall)|i(?:'m| am) going to|let me)(?! be (?:out|away|on holiday)\b)"
    r"|ich (?:werde|kümmere mich um|schicke|sende|melde mich|erledige|prüfe|übernehme|mache)"
    r"|je (?:vais|m'occupe de|m'en occupe|vous envoie|t'envoie|ferai|vérifierai|enverrai|me charge de)"
    r"|(?:voy a|yo (?:haré|enviaré|revisaré)|me encargo de|me ocupo de|te envío|le envío|os envío))(?!\w)",
    re.IGNORECASE,
)
ASKED = re.compile(
    r"(?<!\w)(?P<cue>please|could you(?: please)?|can you(?: please)?|would you(?: please)?|you (?:need|"
    r"have) to|you should"
    r"|we need you to|i need you to|don't forget to|remember to|make sure (?:to|you)"
    r"|bitte|kannst du(?: bitte)?|könntest du(?: bitte)?|können sie(?: bitte)?|könnten sie(?: bitte)?|"
    r"du musst|sie müssen|denk daran"
    r"|merci de|pouvez-vous|pourriez-vous|peux-tu|pourrais-tu|veuillez|s'il vous plaît|s'il te plaît|"
    r"il faut que (?:vous|tu)|n'oublie[sz]? pas de"
    r"|por favor|puedes|podrías|puede usted|podría usted|podría|tienes que|debes|no olvides)(?!\w)",
    re.IGNORECASE,
)
# What is asked for politely and is nothing to be done.
IDLE = _any(
    r"please (?:let me know if|feel free|do not hesitate|don't hesitate|find attached|see attached|"
    r"find enclosed|note that)",
    r"could you imagine",
    r"bitte (?:zögern sie nicht|melden sie sich(?:,)? (?:wenn|falls|bei fragen))",
    r"bitte finden sie",
    r"n'hésitez pas",
    r"veuillez (?:trouver|agréer|recevoir)",
    r"no dudes?",
    r"le ruego acepte",
    r"i(?:'ll| will) be (?:happy|glad) to",
    r"i(?:'ll| will) be (?:out|away|on)",
    r"i will not|i won't",
    r"let me know",
)
LABELLED = re.compile(
    r"(?:action(?: item)?|to-?do|next step|task|aufgabe|nächster schritt|à faire|action à mener|acción|"
    r"tarea|pendiente)s?"
    r"[ \t]{0,2}[:\u2013-][ \t]{0,3}(?P<rest>.{3,300})",
    re.IGNORECASE,
)
NAMED = re.compile(
    r"(?P<name>[^\W\d_][\w'.-]{1,30}(?: [^\W\d_a-z][\w'.-]{1,30})?)(?:,? (?P<will>will|to|should|needs to|"
    r"has to|soll|muss|wird|kümmert sich um"
    r"|doit|va|devra|debe|va a|tiene que)|:) (?P<rest>.{3,300})"
)
SETTLED = _any(
    r"(?:is|are|was|has been|have been|it's|now|issue|problem|all) (?:now )?(?:resolved|solved|fixed|settled|sorted)",
    r"resolved",
    r"(?:that|this|it) (?:worked|works)(?: now| fine| perfectly)?",
    r"works (?:now|again|fine)",
    r"(?:we can|please|you can|i(?:'ll| will)) close (?:this|the (?:ticket|issue|case|thread))",
    r"no further action",
    r"all (?:good|set|done) now",
    r"case closed",
    r"(?:hat sich|ist|wurde|bereits|schon) (?:damit |nun |jetzt )?(?:erledigt|gelöst|behoben|geklärt)",
    r"erledigt",
    r"(?:funktioniert|geht) (?:jetzt|wieder)",
    r"problem gelöst",
    r"(?:est|a été|c'est) (?:maintenant )?(?:résolue?|réglée?|corrigée?|clos)",
    r"(?:problème|souci) (?:résolu|réglé)",
    r"(?:ça|cela) (?:marche|fonctionne)(?: maintenant)?",
    r"c'est bon maintenant",
    r"(?:está|ha sido|quedó|queda|ya está) (?:resuelt[oa]|solucionad[oa]|arreglad[oa])",
    r"problema (?:resuelto|solucionado)",
    r"ya funciona",
    r"asunto cerrado",
)
UNSETTLED = _any(
    r"(?:not|isn't|aren't|wasn't|hasn't been|never|yet to be|until|once|when|if) (?:(?:it|this|that|"
    r"the \w+) )?(?:(?:is|are|been|yet|fully) )?(?:resolved|solved|fixed|settled|sorted|decided|agreed)",
    r"still (?:not|no|broken|open|waiting|fails?|failing|an issue|happening|pending)",
    r"(?:doesn't|don't|didn't|not) work(?:ing)?",
    r"haven't (?:\w+ )?(?:decided|agreed)",
    r"have not (?:\w+ )?(?:decided|agreed)",
    r"not (?:been )?(?:decided|agreed|approved)",
    r"(?:noch|immer noch|weiterhin) (?:nicht|kein|keine|offen)",
    r"nicht (?:gelöst|behoben|erledigt|geklärt|entschieden|beschlossen|genehmigt)",
    r"funktioniert (?:immer noch |noch )?nicht",
    r"sobald|falls",
    r"toujours pas",
    r"pas (?:encore )?(?:résolu|réglé|décidé|validé)e?",
    r"ne (?:marche|fonctionne) (?:pas|toujours pas)",
    r"n'est pas (?:résolu|réglé|corrigé)e?",
    r"(?:aún|todavía|sigue) (?:no|sin)",
    r"no (?:está|ha sido|se ha|hemos) (?:resuelt|solucionad|decidid|aprobad|acordad)\w{1,2}",
    r"no funciona",
)
