# Completion of ntkcalc for bash; made by completions/generate.py from the command line itself; changes are lost.

_ntkcalc_words() { # the words of the line up to the cursor, with those joined that readline cuts at : and =
    local rest="${COMP_LINE:0:COMP_POINT}" i n=-1 word
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $n -lt 0 || "$rest" == [[:space:]]* || -z "$rest" ]]; then
            rest="${rest#"${rest%%[![:space:]]*}"}"
            words[++n]=""
        fi
        word="${COMP_WORDS[i]}"
        [[ "$rest" == "$word"* ]] || word="$rest"
        words[n]+="$word"
        rest="${rest#"$word"}"
    done
}

_ntkcalc_files() { # files that end in one of $1, or all where there are none; and folders
    local path found=""
    while IFS= read -r path; do
        [[ -d "$path" || -z "$1" || "$path" =~ $1 ]] || continue
        [[ -d "$path" ]] || found=yes
        COMPREPLY+=("$path")
    done < <(compgen -f -- "$value")
    if [[ -z "$found" && -n "$1" ]]; then COMPREPLY=() && _ntkcalc_files ""; fi
    compopt -o filenames 2>/dev/null
}

_ntkcalc_activations() {
    case "$value" in
        leaky-relu:*) candidates="leaky-relu:slope=" ;;
        softshrink:*) candidates="softshrink:lambda=" ;;
        squareplus:*) candidates="squareplus:b=" ;;
        softplus:*) candidates="softplus:beta=" ;;
        gaussian:*) candidates="gaussian:sigma=" ;;
        celu:*) candidates="celu:alpha=" ;;
        elu:*) candidates="elu:alpha=" ;;
        *:*) candidates="" ;;
        *) candidates="linear relu leaky-relu abs elu selu gelu silu mish softplus tanh sigmoid erf gaussian sin cos swish relu6 hardtanh hardsigmoid hardswish softsign softshrink tanhshrink squareplus celu logsigmoid quick-gelu arctan" ;;
    esac
}

_ntkcalc() {
    local words word command="" option="" value before candidates="" IFS=$' \t\n'
    COMPREPLY=()
    _ntkcalc_words
    value="${words[${#words[@]} - 1]}"
    for word in "${words[@]:1:${#words[@]} - 2}"; do
        if [[ -z "$command" && "$word" != -* ]]; then command="$word"; fi
    done
    before=""
    if [[ "$value" == --*=* ]]; then
        option="${value%%=*}" before="${value%%=*}="
        value="${value#*=}"
    elif [[ ${#words[@]} -gt 2 ]]; then
        option="${words[${#words[@]} - 2]}"
    fi
    case "$option" in
        -a|--act) _ntkcalc_activations ;;
        -l|--depth) candidates="" ;;
        --sigma-w2) candidates="max" ;;
        --sigma-b2) candidates="" ;;
        --gamma-w2) candidates="sigma" ;;
        --gamma-b2) candidates="sigma" ;;
        --kernel) candidates="ntk nngp" ;;
        -T|--truncation) candidates="" ;;
        -d|--digits) candidates="" ;;
        --engine) candidates="auto numpy mpmath" ;;
        --which) candidates="kappa alpha beta mu" ;;
        --workers) candidates="" ;;
        --scheduler) candidates="" ;;
        --format) candidates="table json csv plain" ;;
        -o|--output) _ntkcalc_files '' ;;
        --plot) _ntkcalc_files '[.](png|svg|pdf)$' ;;
        -c|--coeffs) _ntkcalc_files '[.](json|jsonl|csv|txt|npy)$' ;;
        --rho) candidates="" ;;
        --data) _ntkcalc_files '[.](npy|npz|csv|tsv|txt)$' ;;
        --other) _ntkcalc_files '[.](npy|npz|csv|tsv|txt)$' ;;
        --columns) candidates="" ;;
        --header) candidates="auto yes no" ;;
        --delimiter) candidates="" ;;
        --decimal) candidates="" ;;
        --epsilon) candidates="" ;;
        --memory) candidates="" ;;
        --isotropic) candidates="" ;;
        --width) candidates="" ;;
        --trials) candidates="" ;;
        --seed) candidates="" ;;
        --outer) candidates="gaussian sign" ;;
        --sphere-dim) candidates="" ;;
        --max-frequency) candidates="" ;;
        --measure) candidates="uniform surface" ;;
        --sample) candidates="" ;;
        --top) candidates="" ;;
        --arch) candidates="mlp cnn" ;;
        --parametrization) candidates="ntk standard" ;;
        --image-shape) candidates="" ;;
        --padding) candidates="valid same" ;;
        --window) candidates="" ;;
        --rank) candidates="" ;;
        *)
            if [[ -n "$before" ]]; then return; fi
            case "$command" in
                coeffs) candidates="-a --act -l --depth --sigma-w2 --sigma-b2 --gamma-w2 --gamma-b2 --kernel -T --truncation -d --digits --engine --paper-truncation --which --values --workers --scheduler --json --format -o --output --plot --schema -q --quiet -h --help" ;;
                evaluate) candidates="-a --act -l --depth --sigma-w2 --sigma-b2 --gamma-w2 --gamma-b2 --kernel -T --truncation -c --coeffs -d --digits --engine --paper-truncation --rho --data --other --columns --header --delimiter --decimal --no-normalize --workers --scheduler --json --format -o --output --plot --schema -q --quiet -h --help" ;;
                effrank) candidates="-a --act -l --depth --sigma-w2 --sigma-b2 --gamma-w2 --gamma-b2 --kernel -c --coeffs -d --digits --engine --data --columns --header --delimiter --decimal --epsilon --memory --no-normalize --isotropic --width --trials --seed --outer --workers --scheduler --json --format -o --output --schema -q --quiet -h --help" ;;
                eigs) candidates="-a --act -l --depth --sigma-w2 --sigma-b2 --gamma-w2 --gamma-b2 --kernel -T --truncation -c --coeffs -d --digits --engine --sphere-dim --max-frequency --measure --sample --data --columns --header --delimiter --decimal --top --memory --no-normalize --isotropic --width --trials --seed --arch --parametrization --image-shape --padding --workers --scheduler --json --format -o --output --plot --schema -q --quiet -h --help" ;;
                decay) candidates="-a --act -l --depth --sigma-w2 --sigma-b2 --gamma-w2 --gamma-b2 --kernel -T --truncation -c --coeffs --window --all --sphere-dim --rank --workers --scheduler --json --format -o --output --plot --schema -q --quiet -h --help" ;;
                *) candidates="coeffs evaluate effrank eigs decay --version --list-activations -h --help" ;;
            esac
            if [[ -n "$command" && "$value" != -* ]]; then return; fi ;;
    esac
    if [[ -n "$candidates" ]]; then
        COMPREPLY=($(compgen -W "$candidates" -- "$value"))
        if [[ "${#COMPREPLY[@]}" -eq 1 && "${COMPREPLY[0]}" == *= ]]; then compopt -o nospace 2>/dev/null; fi
    fi
    # readline replaces only what stands behind the last : or = that it cuts at
    word="$before$value"
    local i cut="" character
    for character in : =; do
        if [[ "$COMP_WORDBREAKS" == *"$character"* ]]; then cut+="$character"; fi
    done
    if [[ -n "$cut" && "$word" == *[$cut]* ]]; then word="${word%"${word##*[$cut]}"}"; else word=""; fi
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]="$before${COMPREPLY[i]}"
        COMPREPLY[i]="${COMPREPLY[i]#"$word"}"
    done
}

complete -F _ntkcalc ntkcalc
