package ddbmodel_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// generator makes random requests of the kinds that package dynamo sends: often
// well-formed, often not.
type generator struct {
	sent *dynamodb.TransactWriteItemsInput // with a token
	*rand.Rand
	table string
}

var (
	attributes = []string{"guid", "expiresOn", "token", "ttl", "owner", "data", "session", "wanted"}
	keys       = []string{"a", "b", "c"}
	ids        = []string{"00000000000000000000000001", "00000000000000000000000002"}
	numbers    = []string{
		"0", "1", "-1", "5", "10", "9007199254740991", "1.5", "-0.0", "1e3", "0.001", "253402300799999", "007", "-12.50",
		"12345678901234567890123456789012345678", "12345678901234567890123456789012345679",
		"-12345678901234567890123456789012345678", "1e100", "1e-100", "123e-5",
	}
	badNumbers = []string{"", "x", "1e126", "1e-131", "123456789012345678901234567890123456789", "0x1", "1_0", " 1", "NaN", "."}
)

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// request returns a random request.
func (g *generator) request() any {
	switch g.IntN(12) {
	case 10, 11:
		return g.transaction()
	case 0:
		return &dynamodb.GetItemInput{TableName: aws.String(g.table), Key: g.key(), ConsistentRead: aws.Bool(true)}
	case 1, 2, 3:
		return g.tamper()
	case 4, 5:
		return g.lockWrite()
	case 6:
		return g.sessionWrite()
	}
	return g.anyUpdate()
}

func (g *generator) key() map[string]types.AttributeValue {
	switch g.IntN(40) {
	case 0:
		return map[string]types.AttributeValue{"name": g.value()}
	case 1:
		return map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: "a"}, "owner": g.value()}
	case 2:
		return map[string]types.AttributeValue{"key": &types.AttributeValueMemberS{Value: "a"}}
	case 3:
		return map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: strings.Repeat("x", 2047+g.IntN(3))}}
	}
	return map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: pick(g, keys)}}
}

func (g *generator) value() types.AttributeValue {
	switch g.IntN(14) {
	case 0, 1, 2, 3:
		return &types.AttributeValueMemberN{Value: pick(g, numbers)}
	case 4, 5, 6, 7:
		return &types.AttributeValueMemberS{Value: pick(g, []string{"", "a", "b", "é", "\x00", g.revision(), g.revision()})}
	case 8, 9:
		return &types.AttributeValueMemberB{Value: pick(g, [][]byte{{}, {0}, {1, 2}, {0xff}})}
	case 10:
		return &types.AttributeValueMemberBOOL{Value: g.IntN(2) == 0}
	case 11:
		return &types.AttributeValueMemberNULL{Value: g.IntN(10) > 0}
	case 12:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "1.0"}, &types.AttributeValueMemberS{Value: ""}}}
	}
	if g.IntN(4) == 0 {
		return &types.AttributeValueMemberN{Value: pick(g, badNumbers)}
	}
	return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"x": &types.AttributeValueMemberB{Value: []byte{}}}}
}

func (g *generator) revision() string {
	return fmt.Sprintf("%s/%010d", pick(g, ids), pick(g, []int64{0, 1, 2, 3, 9_999_999_999}))
}

func (g *generator) number() types.AttributeValue {
	return &types.AttributeValueMemberN{Value: pick(g, numbers)}
}

// tamper changes some attributes without a condition.
func (g *generator) tamper() *dynamodb.UpdateItemInput {
	in := g.update()
	var set, remove []string
	for _, attr := range attributes {
		switch g.IntN(6) {
		case 0, 1:
			set = append(set, "#"+attr+" = :"+attr)
			in.ExpressionAttributeNames["#"+attr] = attr
			in.ExpressionAttributeValues[":"+attr] = g.typical(attr)
		case 2:
			remove = append(remove, "#"+attr)
			in.ExpressionAttributeNames["#"+attr] = attr
		}
	}
	finish(in, set, remove, "")
	return in
}

// typical returns a value as the attribute usually has it, or any other.
func (g *generator) typical(attr string) types.AttributeValue {
	switch {
	case g.IntN(6) == 0:
		return g.value()
	case attr == "guid":
		return &types.AttributeValueMemberS{Value: g.revision()}
	case attr == "wanted":
		return &types.AttributeValueMemberBOOL{Value: true}
	case attr == "data":
		return &types.AttributeValueMemberB{Value: []byte("d")}
	case attr == "owner", attr == "session":
		return &types.AttributeValueMemberS{Value: "o"}
	}
	return g.number()
}

// lockWrite is a write as package dynamo sends it, with values at random.
func (g *generator) lockWrite() *dynamodb.UpdateItemInput {
	in := g.update()
	set := []string{"#guid = :guid", "#expiresOn = :expiresOn"}
	for _, attr := range []string{"guid", "expiresOn", "session"} {
		in.ExpressionAttributeNames["#"+attr] = attr
	}
	in.ExpressionAttributeValues[":guid"] = g.typical("guid")
	in.ExpressionAttributeValues[":expiresOn"] = g.typical("expiresOn")
	token := func() string {
		in.ExpressionAttributeNames["#token"] = "token"
		in.ExpressionAttributeValues[":token"] = g.typical("token")
		set = append(set, "#token = :token")
		return " AND (attribute_not_exists(#token) OR #token < :token)"
	}
	where := ""
	switch g.IntN(3) {
	case 0:
		in.ExpressionAttributeValues[":zero"] = &types.AttributeValueMemberN{Value: "0"}
		where = "((attribute_not_exists(#guid) AND attribute_not_exists(#expiresOn)) OR #expiresOn = :zero)" + token()
	case 1:
		in.ExpressionAttributeValues[":seen"] = g.typical("guid")
		where = "#guid = :seen" + token()
	case 2:
		in.ExpressionAttributeValues[":oldest"] = &types.AttributeValueMemberS{Value: ids[0] + "/0000000000"}
		in.ExpressionAttributeValues[":newest"] = &types.AttributeValueMemberS{Value: g.revision()}
		where = "#guid BETWEEN :oldest AND :newest"
	}
	finish(in, set, []string{"#session"}, where)
	return in
}

// anyUpdate has a random condition and update, and now and then a mistake.
func (g *generator) anyUpdate() *dynamodb.UpdateItemInput {
	in := g.update()
	name := func() string {
		attr := pick(g, attributes)
		if g.IntN(60) == 0 {
			attr = "name"
		}
		if g.IntN(80) > 0 {
			in.ExpressionAttributeNames["#"+attr] = attr
		}
		return "#" + attr
	}
	value := func(v types.AttributeValue) string {
		placeholder := fmt.Sprintf(":v%d", len(in.ExpressionAttributeValues))
		if g.IntN(80) > 0 {
			in.ExpressionAttributeValues[placeholder] = v
		}
		return placeholder
	}
	if g.IntN(60) == 0 {
		value(g.value())
	}
	if g.IntN(60) == 0 {
		in.ExpressionAttributeNames["#x"] = "x"
	}
	var set, remove []string
	for range 1 + g.IntN(3) {
		set = append(set, name()+" = "+g.assigned(name, value))
	}
	for range g.IntN(3) {
		remove = append(remove, name())
	}
	where := ""
	if g.IntN(5) > 0 {
		where = g.condition(name, value, 3)
	}
	finish(in, set, remove, where)
	if g.IntN(50) == 0 {
		in.UpdateExpression = aws.String(pick(g, []string{"", "SET", "SET #owner :x", "REMOVE #owner REMOVE #data", "REMOVE #owner,", "SET #owner = :v0 = :v1"}))
	}
	return in
}

func (g *generator) assigned(name func() string, value func(types.AttributeValue) string) string {
	switch g.IntN(8) {
	case 0:
		return name()
	case 1:
		return fmt.Sprintf("if_not_exists(%s, %s)", name(), value(g.value()))
	case 2:
		return fmt.Sprintf("%s %s %s", name(), pick(g, []string{"+", "-"}), value(g.number()))
	case 3:
		return fmt.Sprintf("%s + %s", value(g.value()), value(g.number()))
	}
	return value(g.value())
}

func (g *generator) condition(name func() string, value func(types.AttributeValue) string, depth int) string {
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return g.condition(name, value, depth-1) + " and " + g.condition(name, value, depth-1)
		case 1:
			return g.condition(name, value, depth-1) + " OR " + g.condition(name, value, depth-1)
		case 2:
			return "NOT " + g.condition(name, value, depth-1)
		case 3:
			return "(" + g.condition(name, value, depth-1) + ")"
		}
	}
	operand := func() string {
		if g.IntN(4) == 0 {
			return name()
		}
		return value(g.value())
	}
	switch g.IntN(7) {
	case 3:
		return fmt.Sprintf("begins_with(%s, %s)", name(), g.prefix(name, value))
	case 0:
		return "attribute_exists(" + name() + ")"
	case 1:
		return "attribute_not_exists (" + name() + ")"
	case 2:
		return fmt.Sprintf("%s BETWEEN %s AND %s", name(), operand(), operand())
	}
	return fmt.Sprintf("%s %s %s", name(), pick(g, []string{"=", "<>", "<", "<=", ">", ">="}), operand())
}

func (g *generator) update() *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(g.table), Key: g.key(),
		ExpressionAttributeNames:  make(map[string]string),
		ExpressionAttributeValues: make(map[string]types.AttributeValue),
		ReturnValues: pick(g, []types.ReturnValue{
			types.ReturnValueAllNew, types.ReturnValueAllNew, types.ReturnValueAllOld, types.ReturnValueUpdatedNew, types.ReturnValueUpdatedOld, types.ReturnValueNone, "",
		}),
		ReturnValuesOnConditionCheckFailure: pick(g, []types.ReturnValuesOnConditionCheckFailure{
			types.ReturnValuesOnConditionCheckFailureAllOld, types.ReturnValuesOnConditionCheckFailureAllOld, types.ReturnValuesOnConditionCheckFailureNone, "",
		}),
	}
}

func finish(in *dynamodb.UpdateItemInput, set, remove []string, where string) {
	var sections []string
	if len(set) > 0 {
		sections = append(sections, "SET "+strings.Join(set, ", "))
	}
	if len(remove) > 0 {
		sections = append(sections, "REMOVE "+strings.Join(remove, ", "))
	}
	in.UpdateExpression = aws.String(strings.Join(sections, " "))
	if where != "" {
		in.ConditionExpression = aws.String(where)
	}
	if len(in.ExpressionAttributeNames) == 0 {
		in.ExpressionAttributeNames = nil
	}
	if len(in.ExpressionAttributeValues) == 0 {
		in.ExpressionAttributeValues = nil
	}
}
